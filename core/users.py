"""Users of a tenant: made, changed and taken away by its administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from core import audit, password_links, sessions, sign_ins
from core.access import ADMINISTRATOR, ROLES
from core.addresses import email as checked_email
from core.errors import AppError, BadInput, Conflict, LimitReached, NotFound
from core.i18n import gettext as _
from core.lifecycle import OPEN, EndReason, SessionState
from core.models import Session, Tenant, User
from core.tenancy import TenantView
from core.values import Actor

ATTENDED: Final = frozenset({SessionState.OFFERED, SessionState.ACTIVE, SessionState.INTERRUPTED})


class UserLimitReached(LimitReached):
    code = "user-limit-reached"
    message = "Your plan allows {limit} users. Delete one first, or ask for a larger plan."


class EmailTaken(Conflict):
    code = "email-taken"
    message = "There is already a user with this e-mail address."


class LastAdministrator(Conflict):
    code = "last-administrator"
    message = "This is the last administrator. Make somebody else an administrator first."


class SuccessorNeeded(AppError):
    status = 409
    code = "successor-needed"
    message = "This user has open sessions ({count}). Choose who takes them over."


async def listed(tenant_id: int) -> list[User]:
    return await User.filter(tenant_id=tenant_id, deleted_at=None).order_by("name", "id")


async def get(tenant_id: int, user_id: int) -> User:
    user = await User.get_or_none(tenant_id=tenant_id, id=user_id, deleted_at=None)
    if user is None:
        raise NotFound
    return user


async def create(tenant: TenantView, by: Actor, values: dict[str, Any]) -> User:
    """Make a user and have the link to his first password mailed to him.

    *values*: name, email, role and perhaps language. Somebody who was deleted and has the
    same address comes back with his history. Raises ``UserLimitReached`` or ``EmailTaken``.
    """
    values = {"language": None} | _checked(tenant, values)
    async with in_transaction():
        await _lock(tenant.id)
        await _check_limit(tenant)
        known = await User.get_or_none(tenant_id=tenant.id, email=values["email"])
        if known is None:
            user = await User.create(tenant_id=tenant.id, **values)
        elif known.deleted_at is None:
            raise EmailTaken
        else:
            query = User.filter(tenant_id=tenant.id, id=known.id)
            await query.update(deleted_at=None, password_hash=None, **values)
            user = await get(tenant.id, known.id)
        await audit.write(tenant.id, by, "core.user_created", _subject(user), role=user.role)
        await password_links.ask(tenant.id, password_links.FIRST, user_id=user.id)
    return user


async def change(tenant: TenantView, user_id: int, by: Actor, values: dict[str, Any]) -> User:
    """Change the fields in *values* and no others. A new role counts from the next message on."""
    values = _checked(tenant, values)
    async with in_transaction():
        await _lock(tenant.id)
        user = await get(tenant.id, user_id)
        changed = sorted(name for name, value in values.items() if getattr(user, name) != value)
        if not changed:
            return user
        if "role" in changed and user.role == ADMINISTRATOR:
            await _check_other_administrator(tenant.id, user)
        if "email" in changed:
            if await User.exists(tenant_id=tenant.id, email=values["email"]):
                raise EmailTaken
            await password_links.withdraw(tenant.id, user.id)
        await User.filter(tenant_id=tenant.id, id=user.id).update(**values)
        await audit.write(tenant.id, by, "core.user_changed", _subject(user), fields=changed)
    await sign_ins.announce_change(user.id)
    return await get(tenant.id, user_id)


async def choose_language(tenant: TenantView, user_id: int, language: str) -> None:
    """What a user chooses for himself; empty: whatever his browser says."""
    values = _checked(tenant, {"language": language})
    await User.filter(tenant_id=tenant.id, id=user_id).update(**values)


async def delete(tenant: TenantView, user_id: int, by: Actor, successor_id: int | None) -> None:
    """Take the user's access away. What he did stays; his open sessions get a new owner.

    Those he attends wait again, in their old place, for the successor.
    """
    user = await get(tenant.id, user_id)
    if user.role == ADMINISTRATOR:
        await _check_other_administrator(tenant.id, user)
    open_sessions = await open_of(tenant.id, user_id)
    successor = await _successor(tenant.id, user_id, successor_id)
    if open_sessions and successor is None:
        raise SuccessorNeeded(count=len(open_sessions))
    async with in_transaction():
        await _lock(tenant.id)
        if user.role == ADMINISTRATOR:
            await _check_other_administrator(tenant.id, user)
        await User.filter(tenant_id=tenant.id, id=user_id).update(
            deleted_at=datetime.now(UTC), password_hash=None
        )
        await password_links.withdraw(tenant.id, user_id)
        details = {"successor": successor.id} if successor else {}
        await audit.write(tenant.id, by, "core.user_deleted", _subject(user), **details)
    await sign_ins.end_others(tenant.id, user_id)
    await sign_ins.announce_change(user_id)
    if successor is not None:
        await hand_over(tenant, user, successor, by)


async def hand_over(tenant: TenantView, user: User, successor: User, by: Actor) -> None:
    """Give the user's open sessions to *successor*."""
    leaving = Actor("agent", str(user.id), user.name)
    for session_id in await open_of(tenant.id, user.id):
        session = await sessions.get(tenant.id, session_id)
        if session.agent_id == user.id and session.state in ATTENDED:
            await sessions.hand_back(tenant, session_id, leaving)
        elif session.agent_id == user.id and session.state is SessionState.WRAPPING:
            await sessions.end(tenant, session_id, leaving, EndReason.FINISHED)
            continue
        await sessions.set_owner(tenant, session_id, by, successor)


async def open_of(tenant_id: int, user_id: int) -> list[UUID]:
    """Return the open sessions that wait for the user or that he attends."""
    his = Q(owner_id=user_id) | Q(agent_id=user_id)
    query = Session.filter(his, tenant_id=tenant_id, state__in=list(OPEN))
    return [row.id for row in await query.only("id")]


async def send_link(tenant: TenantView, user_id: int, by: Actor) -> None:
    """Mail the user a link to set a password, because an administrator asks for it."""
    user = await get(tenant.id, user_id)
    await audit.write(tenant.id, by, "core.user_link_sent", _subject(user))
    purpose = password_links.FORGOTTEN if user.password_hash else password_links.FIRST
    await password_links.ask(tenant.id, purpose, user_id=user.id)


def _checked(tenant: TenantView, values: dict[str, Any]) -> dict[str, Any]:
    checked = dict(values)
    if "name" in checked:
        checked["name"] = name = " ".join(checked["name"].split())
        if not 1 <= len(name) <= 120:
            raise BadInput(field=_("Name"), problem=_("between 1 and 120 characters"))
    if "email" in checked:
        checked["email"] = checked_email(checked["email"])
    if "role" in checked and checked["role"] not in ROLES:
        raise BadInput(field=_("Role"), problem=_("there is no such role"))
    if "language" in checked:
        checked["language"] = checked["language"] or None
        if checked["language"] not in {None, *tenant.languages}:
            raise BadInput(field=_("Language"), problem=_("this language is not offered"))
    return checked


async def _check_limit(tenant: TenantView) -> None:
    limit = tenant.limits.get("users")
    used = await User.filter(tenant_id=tenant.id, deleted_at=None).count()
    if limit is not None and used >= limit:
        raise UserLimitReached(limit=limit)


async def _check_other_administrator(tenant_id: int, user: User) -> None:
    query = User.filter(tenant_id=tenant_id, role=ADMINISTRATOR, deleted_at=None)
    if not await query.exclude(id=user.id).exists():
        raise LastAdministrator


async def _successor(tenant_id: int, user_id: int, successor_id: int | None) -> User | None:
    if successor_id is None:
        return None
    if successor_id == user_id:
        raise BadInput(field=_("Successor"), problem=_("choose somebody else"))
    return await get(tenant_id, successor_id)


async def _lock(tenant_id: int) -> None:
    """Let two administrators count one after the other. SQLite's transactions do so anyway."""
    await Tenant.filter(id=tenant_id).select_for_update().first()


def _subject(user: User) -> str:
    return f"user:{user.id}"
