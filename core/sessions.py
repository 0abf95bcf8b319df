"""Sessions: invited, waiting, attended, ended. The database and the hooks around ``lifecycle``."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, cast
from uuid import UUID, uuid4

from tortoise.expressions import F

from core.config import Config
from core.current import service
from core.errors import AppError, BadInput, LimitReached, NotFound, Refused
from core.lifecycle import (
    IN_ROOM,
    OPEN,
    Channel,
    EndReason,
    IllegalMove,
    SessionState,
    move,
)
from core.line import tell_places
from core.models import (
    Customer,
    CustomerAddress,
    EntryPoint,
    Invitation,
    RefusedArrivals,
    Session,
    Tenant,
    User,
)
from core.tenancy import TenantView
from core.timeline import Timeline
from core.values import SYSTEM, Actor, Arrival, Draft

LINK_LASTS = timedelta(days=30)
PRIORITIES = range(-2, 3)
InvitedToo = Callable[[Session, Invitation], Awaitable[None]]


class LinkGone(AppError):
    status = 410
    code = "link-gone"
    message = "This link has expired or was withdrawn. Please ask for a new one."


class EntryPointClosed(Refused):
    code = "entry-point-closed"
    message = "This entrance is closed at the moment."


@dataclass(frozen=True, slots=True)
class Person:
    """Who is invited or comes in. ``email`` lower case, ``phone`` E.164; empty: not known."""

    name: str
    email: str = ""
    phone: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What an invitation asks for."""

    person: Person
    owner_id: int
    channel: Channel = Channel.CHAT
    scheduled_for: datetime | None = None
    ask_id: bool = False
    auto_connect: bool = True


# Links


def link_token(invitation_id: UUID) -> str:
    """Return the secret part of an invitation's link: 192 bits that only our key can make."""
    key = service(Config).secret.encode()
    digest = hmac.digest(key, b"invitation:" + invitation_id.bytes, "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def link_url(tenant: TenantView, invitation_id: UUID) -> str:
    return f"{tenant.url}/v/{link_token(invitation_id)}"


def token_hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


async def open_link(tenant: TenantView, token: str) -> Invitation:
    """Return the invitation of *token*, marking its first opening; ``LinkGone`` or ``NotFound``."""
    found = await Invitation.get_or_none(tenant_id=tenant.id, token_hash=token_hash(token))
    if found is None:
        raise NotFound
    if found.withdrawn_at is not None or found.expires_at <= datetime.now(UTC):
        raise LinkGone
    if found.opened_at is None:
        await _stamp(tenant, found, "opened_at", "core.link_opened", SYSTEM)
    return found


async def _stamp(
    tenant: TenantView, found: Invitation, mark: str, event_type: str, by: Actor
) -> None:
    """Write the time into *mark* and tell of it, the first time."""
    async with service(Timeline).transaction() as unit:
        session = await get(tenant.id, cast("UUID", found.session_id))
        query = Invitation.filter(tenant_id=tenant.id, id=found.id, **{mark: None})
        if await query.update(**{mark: datetime.now(UTC)}):
            unit.append(_draft(session, event_type, by, internal=True))


async def give_id(tenant: TenantView, invitation: Invitation, given: str) -> None:
    """Keep the ID the customer gave at the door."""
    given = given.strip()
    if not 1 <= len(given) <= 80:
        raise BadInput(field="id", problem="between 1 and 80 characters")
    await Invitation.filter(tenant_id=tenant.id, id=invitation.id).update(given_id=given)


async def invitation_of(tenant: TenantView, session_id: UUID) -> Invitation | None:
    """Return the newest invitation of a session, if it was invited at all."""
    query = Invitation.filter(tenant_id=tenant.id, session_id=session_id)
    return await query.order_by("-created_at").first()


# Opening


async def get(tenant_id: int, session_id: UUID) -> Session:
    """Return the session with customer, owner and agent loaded; ``NotFound`` for a foreign id."""
    query = Session.get_or_none(tenant_id=tenant_id, id=session_id)
    session = await query.select_related("customer", "owner", "agent", "queue", "entry_point")
    if session is None:
        raise NotFound
    return session


async def invite(
    tenant: TenantView, visit: Visit, by: Actor, also: InvitedToo | None = None
) -> tuple[Session, Invitation]:
    """Make a session that waits for its customer, and the link that leads to it.

    *also* runs in the same transaction: what it writes exists exactly when the session does.
    """
    owner = await User.get_or_none(tenant_id=tenant.id, id=visit.owner_id, deleted_at=None)
    if owner is None:
        raise BadInput(field="owner", problem="there is no such colleague")
    invitation_id = uuid4()
    async with service(Timeline).transaction() as unit:
        await _check_room(tenant)
        customer = await _customer(tenant, visit.person)
        session = await Session.create(
            id=uuid4(),
            tenant_id=tenant.id,
            customer=customer,
            owner=owner,
            channel=visit.channel,
            state=SessionState.SCHEDULED,
            language=visit.person.language or tenant.language,
            scheduled_for=visit.scheduled_for,
        )
        start = max(visit.scheduled_for or session.created_at, session.created_at)
        invitation = await Invitation.create(
            id=invitation_id,
            tenant_id=tenant.id,
            session=session,
            token_hash=token_hash(link_token(invitation_id)),
            created_by_id=int(by.id) if by.kind == "agent" else None,
            ask_id=visit.ask_id,
            auto_connect=visit.auto_connect,
            expires_at=start + LINK_LASTS,
        )
        unit.append(_draft(session, "core.session_opened", by, how="invitation"))
        if also is not None:
            await also(session, invitation)
    session = await get(tenant.id, session.id)
    await tenant.hooks.session_opened(tenant=tenant, session=session)
    return session, invitation


async def walk_in(
    tenant: TenantView, entry: EntryPoint, arrival: Arrival, language: str
) -> Session:
    """Let somebody in through an entry point. Raises what ``admit`` refuses with."""
    if not entry.is_open or arrival.channel not in tenant.enabled:
        raise EntryPointClosed
    await admit(tenant, arrival)
    person = Person(arrival.name, arrival.email, arrival.phone, language)
    now = datetime.now(UTC)
    async with service(Timeline).transaction() as unit:
        await _check_room(tenant)
        customer = await _customer(tenant, person)
        session = await Session.create(
            id=uuid4(),
            tenant_id=tenant.id,
            customer=customer,
            entry_point=entry,
            queue_id=cast("Any", entry).queue_id,
            channel=arrival.channel,
            state=SessionState.WAITING,
            language=language,
            enqueued_at=now,
        )
        who = Actor("customer", str(customer.id), customer.name)
        unit.append(_draft(session, "core.session_opened", who, how="entry_point"))
        unit.append(_draft(session, "core.customer_arrived", who))
    session = await get(tenant.id, session.id)
    await tenant.hooks.session_opened(tenant=tenant, session=session)
    await tell_places(tenant)
    return session


async def admit(tenant: TenantView, arrival: Arrival) -> None:
    """Ask the guards; count a refusal by day and code and pass it on."""
    try:
        await tenant.hooks.admit(arrival=arrival)
    except AppError as refusal:
        await _count_refusal(tenant.id, refusal.code)
        raise


async def _count_refusal(tenant_id: int, code: str) -> None:
    today: date = datetime.now(UTC).date()
    row, _ = await RefusedArrivals.get_or_create(tenant_id=tenant_id, day=today, code=code)
    query = RefusedArrivals.filter(tenant_id=tenant_id, id=row.id)
    await query.update(count=F("count") + 1)


async def _check_room(tenant: TenantView) -> None:
    """Inside the transaction that opens the session."""
    limit = tenant.limits.get("open_sessions")
    if limit is not None:
        # The tenant's row is the lock: of two at once, one counts after the other.
        await Tenant.filter(id=tenant.id).update(last_seq=F("last_seq"))
        used = await Session.filter(tenant_id=tenant.id, state__in=list(OPEN)).count()
        if used >= limit:
            raise LimitReached(limit=limit)


async def _customer(tenant: TenantView, person: Person) -> Customer:
    """Find the person by address, or put him on record."""
    pairs = [("email", person.email), ("phone", person.phone)]
    for kind, value in pairs:
        query = CustomerAddress.filter(tenant_id=tenant.id, kind=kind, value=value)
        known = await query.select_related("customer").first() if value else None
        if known is not None and known.customer.name.casefold() == person.name.casefold():
            return known.customer
    customer = await Customer.create(
        id=uuid4(), tenant_id=tenant.id, name=person.name, language=person.language
    )
    for kind, value in pairs:
        if value:
            await CustomerAddress.create(
                tenant_id=tenant.id, customer=customer, kind=kind, value=value
            )
    return customer


# Moving


async def arrive(tenant: TenantView, session_id: UUID) -> Session:
    """The customer is on his page. The first time he takes his place in line; then he keeps it."""
    session = await get(tenant.id, session_id)
    if session.state is not SessionState.SCHEDULED:
        return session
    try:
        return await _move(
            tenant,
            session_id,
            SessionState.WAITING,
            "core.customer_arrived",
            customer_actor(session),
            enqueued_at=datetime.now(UTC),
        )
    except IllegalMove:
        return await get(tenant.id, session_id)  # another page of his was quicker


async def attend(tenant: TenantView, session_id: UUID, agent: Actor) -> Session:
    """*agent* takes the customer in. Of two at once exactly one wins; the other gets a conflict."""
    return await _move(
        tenant,
        session_id,
        SessionState.ACTIVE,
        "core.agent_joined",
        agent,
        agent_id=int(agent.id),
        attended_at=datetime.now(UTC),
    )


async def hand_back(tenant: TenantView, session_id: UUID, agent: Actor) -> Session:
    """Back to the waiting room, to the place he had; any agent may attend him."""
    return await _move(
        tenant, session_id, SessionState.WAITING, "core.agent_left", agent, agent_id=None
    )


async def end(
    tenant: TenantView,
    session_id: UUID,
    by: Actor,
    reason: EndReason,
    also: Callable[[], Awaitable[object]] | None = None,
) -> Session:
    """End the session. *also* runs in the same transaction."""
    return await _move(
        tenant,
        session_id,
        SessionState.ENDED,
        "core.session_ended",
        by,
        payload={"reason": str(reason)},
        also=also,
        end_reason=reason,
        ended_at=datetime.now(UTC),
    )


async def delete(tenant: TenantView, session_id: UUID, by: Actor) -> Session:
    """Take the session out of the room and its links out of service. The history stays."""

    async def withdraw_links() -> None:
        query = Invitation.filter(tenant_id=tenant.id, session_id=session_id, withdrawn_at=None)
        await query.update(withdrawn_at=datetime.now(UTC))

    return await end(tenant, session_id, by, EndReason.DELETED, also=withdraw_links)


async def withdraw_link(tenant: TenantView, invitation_id: UUID, by: Actor) -> None:
    """Put one link out of service; the session stays."""
    found = await Invitation.get_or_none(tenant_id=tenant.id, id=invitation_id)
    if found is None:
        raise NotFound
    await _stamp(tenant, found, "withdrawn_at", "core.link_withdrawn", by)


async def set_priority(tenant: TenantView, session_id: UUID, by: Actor, priority: int) -> Session:
    if priority not in PRIORITIES:
        raise BadInput(field="priority", problem="between -2 and 2")
    async with service(Timeline).transaction() as unit:
        session = await get(tenant.id, session_id)
        query = Session.filter(tenant_id=tenant.id, id=session_id)
        await query.update(priority=priority)
        draft = _draft(session, "core.priority_set", by, internal=True, priority=priority)
        unit.append(draft)
    return await _changed(tenant, session_id)


async def set_owner(tenant: TenantView, session_id: UUID, by: Actor, owner: User) -> Session:
    """From now on the customer waits for *owner*; his place goes by the time he has waited."""
    async with service(Timeline).transaction() as unit:
        session = await get(tenant.id, session_id)
        await Session.filter(tenant_id=tenant.id, id=session_id).update(owner_id=owner.id)
        payload = {"owner": owner.id, "owner_name": owner.name}
        unit.append(_draft(session, "core.owner_changed", by, internal=True, **payload))
    return await _changed(tenant, session_id)


async def end_all_of_plugin_off(tenant: TenantView, channel: Channel) -> int:
    """End the open sessions whose medium was switched off; returns how many."""
    query = Session.filter(tenant_id=tenant.id, channel=channel, state__in=list(OPEN))
    found = cast("list[UUID]", await query.values_list("id", flat=True))
    for session_id in found:
        with suppress(IllegalMove):  # it has just ended by itself
            await end(tenant, session_id, SYSTEM, EndReason.PLUGIN_OFF)
    return len(found)


async def _move(
    tenant: TenantView,
    session_id: UUID,
    to: SessionState,
    event_type: str,
    by: Actor,
    payload: dict[str, Any] | None = None,
    also: Callable[[], Awaitable[object]] | None = None,
    **changes: Any,
) -> Session:
    async with service(Timeline).transaction() as unit:
        session = await get(tenant.id, session_id)
        move(session.state, to)
        query = Session.filter(tenant_id=tenant.id, id=session_id, state=session.state)
        if not await query.update(state=to, **changes):
            latest = await get(tenant.id, session_id)
            move(latest.state, to)
            raise AppError
        if also is not None:
            await also()
        unit.append(_draft(session, event_type, by, **(payload or {})))
    return await _changed(tenant, session_id)


async def _changed(tenant: TenantView, session_id: UUID) -> Session:
    session = await get(tenant.id, session_id)
    await tenant.hooks.session_changed(tenant=tenant, session=session)
    await tell_places(tenant)
    return session


def customer_actor(session: Session) -> Actor:
    return Actor("customer", str(session.customer_id), session.customer.name)


def _draft(
    session: Session, event_type: str, by: Actor, *, internal: bool = False, **payload: Any
) -> Draft:
    return Draft(
        tenant_id=session.tenant_id,
        type=event_type,
        actor=by,
        payload=payload,
        session_id=session.id,
        customer_id=cast("UUID", session.customer_id),
        internal=internal,
    )


# The room


async def in_room(tenant: TenantView, owner_id: int | None = None) -> list[Session]:
    """Return the sessions invited or in the room, next first; *owner_id*: only his."""
    states = [*IN_ROOM, SessionState.SCHEDULED]
    query = Session.filter(tenant_id=tenant.id, state__in=states)
    if owner_id is not None:
        query = query.filter(owner_id=owner_id)
    loaded = query.select_related("customer", "owner", "agent", "queue", "entry_point")
    return await loaded.order_by("-priority", "enqueued_at", "created_at")


# Around one customer


async def addresses(tenant_id: int, customer_id: UUID) -> list[CustomerAddress]:
    query = CustomerAddress.filter(tenant_id=tenant_id, customer_id=customer_id)
    return await query.order_by("kind", "id")


async def of_customer(tenant: TenantView, customer_id: UUID) -> list[Session]:
    """Return the customer's sessions, newest first, 20 at most."""
    query = Session.filter(tenant_id=tenant.id, customer_id=customer_id)
    return await query.select_related("agent").order_by("-created_at").limit(20)


async def follow_up(tenant: TenantView, old: Session) -> Session:
    """Open a new session for the customer of an ended one, waiting where he waited before."""
    if old.channel not in tenant.enabled:
        raise EntryPointClosed
    async with service(Timeline).transaction() as unit:
        await _check_room(tenant)
        session = await Session.create(
            id=uuid4(),
            tenant_id=tenant.id,
            customer_id=old.customer_id,
            owner_id=old.owner_id or old.agent_id,
            queue_id=old.queue_id,
            entry_point_id=old.entry_point_id,
            channel=old.channel,
            state=SessionState.WAITING,
            language=old.language,
            enqueued_at=datetime.now(UTC),
        )
        who = customer_actor(old)
        unit.append(_draft(session, "core.session_opened", who, how="again"))
        unit.append(_draft(session, "core.customer_arrived", who))
    session = await get(tenant.id, session.id)
    await tenant.hooks.session_opened(tenant=tenant, session=session)
    await tell_places(tenant)
    return session
