"""Sign-ins: opaque tokens that a browser keeps in a cookie and the database as a hash.

A tenant below a path (``/t/<slug>/``) has cookies of its own name and path, one with a host of
its own gets ``__Host-`` cookies. A customer's cookie is another one than a user's, so an agent
who opens a link in his own browser stays signed in.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from quart import Request, Response, Websocket, g, has_request_context, request
from tortoise.expressions import Q

from core import password_links, throttle
from core.access import CUSTOMER, USER, Principal
from core.bus import Bus
from core.current import service
from core.errors import NotFound
from core.jobs import Jobs
from core.models import OneTimeLink, Session, SignIn, User
from core.plugins import JobType
from core.scoping import across_tenants

ENDED: Final = "sign_in_ended"
"""Bus channel: ``{"ids": [...]}`` of sign-ins that are over."""
USER_CHANGED: Final = "user_changed"
"""Bus channel: ``{"user": id}`` when role or name changed, or the user was deleted."""
LASTS: Final = timedelta(days=30)
IDLE: Final = timedelta(hours=12)
"""A user's sign-in ends after so long without a request; a customer's does not."""
SEEN_EVERY: Final = timedelta(minutes=1)
KEPT: Final = timedelta(days=30)


def connect() -> None:
    """Announce the jobs: mailing password links, and sweeping out hourly what is over."""
    password_links.connect()
    service(Jobs).register(JobType("core.sweep_sign_ins", _sweep, cron_s=3600))


# Beginning


async def begin_user(user: User) -> str:
    """Sign *user* in and return the token. What this browser was signed in as before ends."""
    await _end_former(user.tenant_id, visit=False)
    return await _begin(user.tenant_id, user_id=user.id)


async def begin_customer(session: Session) -> str:
    """Let this browser into *session*; one that is in already goes on with the token it has."""
    token = token_of(request, visit=True) if has_request_context() else ""
    former = await _row(session.tenant_id, token)
    if former is not None and _session_id(former) == session.id:
        return token
    await _end_former(session.tenant_id, visit=True)
    return await _begin(session.tenant_id, session_id=session.id)


async def _begin(tenant_id: int, **whose: Any) -> str:
    token = secrets.token_urlsafe(32)
    here = has_request_context()
    await SignIn.create(
        tenant_id=tenant_id,
        token_hash=_hash(token),
        address=(request.remote_addr or "")[:45] if here else "",
        device=request.headers.get("User-Agent", "")[:200] if here else "",
        expires_at=_now() + LASTS,
        **whose,
    )
    return token


async def _end_former(tenant_id: int, *, visit: bool) -> None:
    token = token_of(request, visit=visit) if has_request_context() else ""
    if former := await _row(tenant_id, token):
        await end(tenant_id, former.id)


# Looking up


async def find(tenant_id: int, token: str) -> Principal | None:
    """Return who holds *token*, noting that he was seen; ``None`` for one that is over."""
    row = await _row(tenant_id, token)
    if row is None:
        return None
    if _now() - row.seen_at > SEEN_EVERY:
        await touch(tenant_id, row.id)
    return _principal(row)


async def principal_of(tenant_id: int, sign_in_id: int) -> Principal | None:
    """Return the principal as he is now: role changed, or ``None`` when the sign-in is over."""
    found = await _valid(tenant_id, Q(id=sign_in_id))
    return _principal(found) if found else None


async def touch(tenant_id: int, sign_in_id: int) -> None:
    """The person is there; a page that stays open says so through its socket."""
    await SignIn.filter(tenant_id=tenant_id, id=sign_in_id).update(seen_at=_now())


async def of_user(tenant_id: int, user_id: int) -> list[SignIn]:
    """Return the user's live sign-ins, the latest seen first."""
    query = SignIn.filter(_live(), tenant_id=tenant_id, user_id=user_id)
    return await query.order_by("-seen_at", "-id")


async def last_seen(tenant_id: int) -> dict[int, datetime]:
    """Return when each user with a live sign-in made a request."""
    query = SignIn.filter(_live(), tenant_id=tenant_id, user_id__not_isnull=True)
    rows = await query.order_by("seen_at").values_list("user_id", "seen_at")
    return dict(cast("list[tuple[int, datetime]]", rows))


async def _row(tenant_id: int, token: str) -> SignIn | None:
    return await _valid(tenant_id, Q(token_hash=_hash(token))) if token else None


async def _valid(tenant_id: int, which: Q) -> SignIn | None:
    query = SignIn.filter(which, _live(), tenant_id=tenant_id)
    found = await query.select_related("user", "session__customer").first()
    if found is not None and found.user is not None and found.user.deleted_at is not None:
        return None
    return found


def _live() -> Q:
    now = _now()
    return Q(ended_at=None, expires_at__gt=now) & (Q(user_id=None) | Q(seen_at__gt=now - IDLE))


def _principal(row: SignIn) -> Principal:
    if row.user is not None:
        user = row.user
        return Principal(
            USER, str(user.id), user.name, row.tenant_id, user.role, row.id, None, user.language
        )
    session = cast("Session", row.session)
    customer = session.customer
    return Principal(
        CUSTOMER,
        str(customer.id),
        customer.name,
        row.tenant_id,
        None,
        row.id,
        session.id,
        customer.language,
    )


def _session_id(row: SignIn) -> object:
    return row.session.id if row.session is not None else None


# Ending


async def end(tenant_id: int, *sign_in_ids: int) -> None:
    """End them and close their sockets, in every process."""
    query = SignIn.filter(tenant_id=tenant_id, id__in=list(sign_in_ids), ended_at=None)
    if sign_in_ids and await query.update(ended_at=_now()):
        await service(Bus).publish(ENDED, {"ids": list(sign_in_ids)}, everywhere=True)


async def end_others(tenant_id: int, user_id: int, keep: int | None = None) -> int:
    """End the user's sign-ins but *keep*; return how many."""
    ids = [row.id for row in await of_user(tenant_id, user_id) if row.id != keep]
    await end(tenant_id, *ids)
    return len(ids)


async def revoke(tenant_id: int, user_id: int, sign_in_id: int) -> None:
    """End one of the user's own; ``NotFound`` for anybody else's."""
    if not await SignIn.exists(tenant_id=tenant_id, user_id=user_id, id=sign_in_id):
        raise NotFound
    await end(tenant_id, sign_in_id)


async def announce_change(user_id: int) -> None:
    """Tell every process, after the commit, that the user's role changed or that he is gone."""
    await service(Bus).publish(USER_CHANGED, {"user": user_id}, everywhere=True)


async def _sweep(tenant: None) -> None:
    """Delete what has been over for a month, and forgotten counters."""
    before = _now() - KEPT
    over = Q(ended_at__lt=before) | Q(expires_at__lt=before)
    await across_tenants(SignIn).filter(over).delete()
    await across_tenants(OneTimeLink).filter(expires_at__lt=before).delete()
    await throttle.sweep()


# Cookies


def token_of(asked: Request | Websocket, *, visit: bool) -> str:
    """Return the token this browser sent, or nothing. The widget sends a customer's as Bearer."""
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    if visit and kind.lower() == "bearer":
        return token.strip()
    return asked.cookies.get(_cookie(asked, visit=visit), "")


def is_bearer(asked: Request | Websocket) -> bool:
    return asked.headers.get("Authorization", "").lower().startswith("bearer ")


def set_cookie(response: Response, token: str, *, visit: bool = False) -> None:
    _set(response, _cookie(request, visit=visit), token, LASTS)


def delete_cookie(response: Response, *, visit: bool = False) -> None:
    response.delete_cookie(
        _cookie(request, visit=visit),
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="Lax",
    )


def device_of(asked: Request) -> str:
    """Return what ``set_device`` left in this browser, or nothing."""
    return asked.cookies.get(_name(asked) + "_device", "")


def set_device(response: Response, value: str) -> None:
    """Remember for a year that somebody signed in here; it signs nobody in."""
    _set(response, _name(request) + "_device", value, timedelta(days=365))


def _set(response: Response, name: str, value: str, lasts: timedelta) -> None:
    response.set_cookie(
        name,
        value,
        max_age=lasts,
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="Lax",
    )


def _cookie(asked: Request | Websocket, *, visit: bool) -> str:
    return _name(asked) + ("_visit" if visit else "")


def _name(asked: Request | Websocket) -> str:
    if _path(asked) != "/":
        return f"offhook_{g.tenant.slug}"
    return "__Host-offhook" if _is_secure(asked) else "offhook"


def _path(asked: Request | Websocket) -> str:
    return asked.root_path.rstrip("/") + "/"


def _is_secure(asked: Request | Websocket) -> bool:
    return asked.scheme in {"https", "wss"}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
