"""Inviting customers, and what becomes of each notice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from core.api import (
    Actor,
    Config,
    Conflict,
    Draft,
    DriverError,
    Event,
    Invitation,
    NotFound,
    Notice,
    Person,
    PersonRef,
    Principal,
    Session,
    SessionState,
    Tenancy,
    TenantView,
    Timeline,
    User,
    Visit,
    customer_addresses,
    enqueue,
    get_session,
    invitation_of,
    invite,
    is_link_open,
    link_url,
    new_link,
    publish_state,
    service,
    withdraw_link,
)
from plugins.notify import words
from plugins.notify.form import LINK_ONLY, Wish
from plugins.notify.models import UNDER_WAY, Delivery, Kind, State

TOPIC: Final = "notify.deliveries"
ACTOR: Final = Actor("plugin", "notify")
SHOWN_FOR: Final = timedelta(minutes=15)
"""So long the sender sees the link of what he just sent."""
_EVENTS: Final = {
    (Kind.INVITATION, State.SENT): "notify.invitation_sent",
    (Kind.INVITATION, State.FAILED): "notify.invitation_failed",
    (Kind.NOTE, State.FAILED): "notify.note_failed",
}


class NothingToResend(Conflict):
    code = "nothing-to-resend"
    message = "There is no address to send to. Send a new notification instead."


# Inviting


async def colleagues(tenant: TenantView, me: Principal) -> list[User]:
    """Return for whom *me* may send, himself first."""
    query = User.filter(tenant_id=tenant.id, deleted_at=None)
    if not me.may(tenant, "notify.invitation.send_for_others"):
        query = query.filter(id=me.user_id)
    found = await query.order_by("name", "id")
    return sorted(found, key=lambda user: user.id != me.user_id)


async def send_invitation(tenant: TenantView, wish: Wish, me: Principal) -> Session:
    """Make the session and its link, and have the customer told; all of it or nothing."""
    person = Person(
        wish.name,
        email=wish.address if wish.type == "email" else "",
        phone=wish.address if wish.type == "sms" else "",
        language=wish.language,
    )
    visit = Visit(
        person=person,
        owner_id=wish.agent.id,
        channel=wish.media,
        scheduled_for=wish.at,
        ask_id=wish.ask_id,
        auto_connect=wish.auto_connect,
    )
    queued: list[Delivery] = []

    async def tell(session: Session, invitation: Invitation) -> None:
        if wish.type != LINK_ONLY:
            delivery = await _queue(
                tenant,
                Kind.INVITATION,
                session.id,
                me,
                invitation_id=invitation.id,
                channel=wish.type,
                address=wish.address,
                name=wish.name,
                language=wish.language,
            )
            queued.append(delivery)

    session, _ = await invite(tenant, visit, me.actor, also=tell)
    for delivery in queued:
        await _show(tenant, delivery)
    return session


async def _queue(
    tenant: TenantView, kind: Kind, session_id: UUID, me: Principal, **to: Any
) -> Delivery:
    """Write the delivery and its job in the caller's transaction. The job knows only the id."""
    delivery = await Delivery.create(
        id=uuid4(),
        tenant_id=tenant.id,
        session_id=session_id,
        sent_by_id=me.user_id,
        kind=kind,
        **to,
    )
    await enqueue("notify.send", {"delivery": str(delivery.id)}, tenant_id=tenant.id)
    return delivery


async def resend(tenant: TenantView, session_id: UUID, me: Principal) -> Delivery:
    """Send the invitation again, with a new link when the old one no longer works."""
    last = await last_invitation(tenant, session_id)
    if last is None or not last.address:
        raise NothingToResend
    invitation = await _working_link(tenant, session_id, me)
    async with service(Timeline).transaction():
        delivery = await _queue(
            tenant,
            Kind.INVITATION,
            session_id,
            me,
            invitation_id=invitation.id,
            channel=last.channel,
            address=last.address,
            name=last.name,
            language=last.language,
        )
    await _show(tenant, delivery)
    return delivery


async def _working_link(tenant: TenantView, session_id: UUID, me: Principal) -> Invitation:
    invitation = await invitation_of(tenant, session_id)
    if invitation is not None and is_link_open(invitation):
        return invitation
    return await new_link(tenant, session_id, me.actor)


async def withdraw(tenant: TenantView, session_id: UUID, me: Principal) -> int:
    """Put every link to the session out of service; returns how many still worked."""
    await get_session(tenant.id, session_id)
    query = Invitation.filter(tenant_id=tenant.id, session_id=session_id, withdrawn_at=None)
    count = 0
    for invitation in await query:
        await withdraw_link(tenant, invitation.id, me.actor)
        count += 1
    for delivery in await Delivery.filter(
        tenant_id=tenant.id, session_id=session_id, kind=Kind.INVITATION, state__in=UNDER_WAY
    ):
        await _settle(tenant, delivery, State.WITHDRAWN)
        await _show(tenant, delivery)
    return count


async def fresh_url(tenant: TenantView, session_id: UUID, me: Principal) -> str:
    """Make a new link to hand over by other means."""
    invitation = await new_link(tenant, session_id, me.actor)
    return link_url(tenant, invitation.id)


async def just_sent(
    tenant: TenantView, session_id: UUID, me: Principal
) -> tuple[Delivery | None, str]:
    """Return what *me* sent a moment ago, with the link; later, and to others, ``NotFound``."""
    invitation = await invitation_of(tenant, session_id)
    made_by: Any = invitation.created_by_id if invitation else None  # type: ignore[attr-defined]
    if (
        invitation is None
        or made_by != me.user_id
        or invitation.created_at < datetime.now(UTC) - SHOWN_FOR
    ):
        raise NotFound
    return await last_invitation(tenant, session_id), link_url(tenant, invitation.id)


async def last_invitation(tenant: TenantView, session_id: UUID) -> Delivery | None:
    query = Delivery.filter(tenant_id=tenant.id, session_id=session_id, kind=Kind.INVITATION)
    return await query.order_by("-created_at").first()


async def of_session(tenant: TenantView, session_id: UUID) -> list[Delivery]:
    """Return the notices of one session, newest first, 20 at most."""
    query = Delivery.filter(tenant_id=tenant.id, session_id=session_id)
    return await query.order_by("-created_at").limit(20)


# Mail and files


async def send_note(
    tenant: TenantView,
    session_id: UUID,
    me: Principal,
    *,
    comment: str,
    files: list[UUID],
    email: str,
) -> Delivery:
    """Put a comment and files on the customer's page and mail them to him."""
    session = await get_session(tenant.id, session_id)
    delivery_id = uuid4()
    payload = {"comment": comment, "files": [str(file) for file in files]}
    async with service(Timeline).transaction() as unit:
        delivery = await Delivery.create(
            id=delivery_id,
            tenant_id=tenant.id,
            session_id=session_id,
            sent_by_id=me.user_id,
            kind=Kind.NOTE,
            channel="email",
            address=email,
            name=session.customer.name,
            language=session.language,
        )
        await enqueue("notify.send", {"delivery": str(delivery_id)}, tenant_id=tenant.id)
        unit.append(
            _draft(delivery, session, "notify.note_sent", me.actor, payload, f"note:{delivery_id}")
        )
    await _show(tenant, delivery)
    return delivery


async def suggested_email(tenant: TenantView, session: Session) -> str:
    """Return the address of the notification, else the customer's first."""
    last = (
        await Delivery.filter(tenant_id=tenant.id, session_id=session.id, channel="email")
        .order_by("-created_at")
        .first()
    )
    if last is not None and last.address:
        return last.address
    customer_id: Any = session.customer_id
    known = await customer_addresses(tenant.id, customer_id)
    return next((one.value for one in known if one.kind == "email"), "")


def upload_limit_mb() -> int:
    return service(Config).max_upload_mb


# On the way


async def send(tenant: TenantView, delivery_id: UUID) -> None:
    """Hand one notice to its channel. Raises ``DriverError``; what is settled stays settled."""
    delivery = await Delivery.get_or_none(tenant_id=tenant.id, id=delivery_id)
    if delivery is None or delivery.state not in UNDER_WAY:
        return
    session = await get_session(tenant.id, delivery.session_id)
    notice = await _notice(tenant, delivery, session)
    if notice is None:
        await _settle(tenant, delivery, State.WITHDRAWN)
        await _show(tenant, delivery)
        return
    try:
        receipt = await tenant.hooks.deliver(tenant=tenant, notice=notice)
        if receipt is None:
            on = delivery.channel in tenant.enabled
            raise DriverError("nobody carries this channel", retryable=on)
    except DriverError as error:
        await _settle(tenant, delivery, State.RETRYING, str(error))
        await _tell(tenant, delivery, notice)
        raise
    await _settle(tenant, delivery, State.SENT)
    await _tell(tenant, delivery, notice)


async def given_up(tenant: TenantView, delivery_id: UUID) -> None:
    """The job has used up its tries: an agent has to know."""
    delivery = await Delivery.get_or_none(tenant_id=tenant.id, id=delivery_id)
    if delivery is None or delivery.state not in UNDER_WAY:
        return
    await _settle(tenant, delivery, State.FAILED, delivery.reason)
    session = await get_session(tenant.id, delivery.session_id)
    await _tell(tenant, delivery, await _notice(tenant, delivery, session))


async def _notice(tenant: TenantView, delivery: Delivery, session: Session) -> Notice | None:
    """Return the notice as it stands now; ``None`` when it must not go out any more."""
    invitation = await _link_of(tenant, delivery)
    if delivery.kind is Kind.INVITATION:
        if invitation is None or session.state is SessionState.ENDED:
            return None
        files: tuple[UUID, ...] = ()
        values = {"when": words.when(tenant, delivery.language, session.scheduled_for)}
    else:
        comment, files = await _note_of(tenant, delivery)
        values = {"comment": comment}
    sender = await User.get_or_none(tenant_id=tenant.id, id=delivery.sent_by_id)
    agent = session.owner if delivery.kind is Kind.INVITATION else sender
    values |= {
        "customer": delivery.name,
        "agent": agent.name if agent else tenant.name,
        "tenant": tenant.name,
        "link": link_url(tenant, invitation.id) if invitation else tenant.url,
    }
    text = await words.of_tenant(tenant, delivery.kind, delivery.channel, delivery.language)
    filled = words.fill(text, values)
    return Notice(
        ref=str(delivery.id),
        channel=delivery.channel,
        address=delivery.address,
        name=delivery.name,
        subject=filled.subject,
        text=filled.body + ("" if delivery.channel == "sms" else "\n"),
        language=delivery.language,
        session_id=session.id,
        files=files,
    )


async def _link_of(tenant: TenantView, delivery: Delivery) -> Invitation | None:
    if delivery.kind is Kind.NOTE:
        found = await invitation_of(tenant, delivery.session_id)
    else:
        found = await Invitation.get_or_none(tenant_id=tenant.id, id=delivery.invitation_id)
    return found if found is not None and is_link_open(found) else None


async def _note_of(tenant: TenantView, delivery: Delivery) -> tuple[str, tuple[UUID, ...]]:
    event = await Event.get_or_none(
        tenant_id=tenant.id, session_id=delivery.session_id, key=f"note:{delivery.id}"
    )
    payload: Mapping[str, Any] = event.payload if event is not None else {}
    files = tuple(UUID(one) for one in payload.get("files", ()))
    return str(payload.get("comment", "")), files


async def _settle(tenant: TenantView, delivery: Delivery, state: State, reason: str = "") -> None:
    """Record how it went, once: of two workers with the same job the first is heard."""
    session = await get_session(tenant.id, delivery.session_id)
    async with service(Timeline).transaction() as unit:
        query = Delivery.filter(tenant_id=tenant.id, id=delivery.id, state__in=UNDER_WAY)
        changed = await query.update(state=state, reason=reason[:300], changed_at=datetime.now(UTC))
        event = _EVENTS.get((delivery.kind, state))
        if changed and event is not None:
            payload = {"channel": delivery.channel, "address": delivery.address, "reason": reason}
            key = f"{state}:{delivery.id}"
            unit.append(_draft(delivery, session, event, ACTOR, payload, key, internal=True))
    delivery.state, delivery.reason = state, reason[:300]


def _draft(
    delivery: Delivery,
    session: Session,
    event: str,
    by: Actor,
    payload: dict[str, Any],
    key: str,
    *,
    internal: bool = False,
) -> Draft:
    customer_id: Any = session.customer_id
    return Draft(
        tenant_id=delivery.tenant_id,
        type=event,
        actor=by,
        payload=payload,
        session_id=delivery.session_id,
        customer_id=customer_id,
        internal=internal,
        key=key,
    )


async def _tell(tenant: TenantView, delivery: Delivery, notice: Notice | None) -> None:
    """Tell every plugin, ourselves included; without a notice there is nothing to tell of."""
    if notice is None:
        await _show(tenant, delivery)
        return
    await tenant.hooks.delivery_changed(
        tenant=tenant, notice=notice, state=str(delivery.state), reason=delivery.reason
    )


async def show(tenant: TenantView, ref: str) -> None:
    """Bring the pages up to date about the notice *ref*, if it is one of ours."""
    try:
        delivery_id = UUID(ref)
    except ValueError:
        return
    delivery = await Delivery.get_or_none(tenant_id=tenant.id, id=delivery_id)
    if delivery is not None:
        await _show(tenant, delivery)


async def _show(tenant: TenantView, delivery: Delivery) -> None:
    await publish_state(tenant.id, TOPIC, set=[row(delivery)])


def row(delivery: Delivery) -> dict[str, Any]:
    """What the live pages get; they ask for the rest with the permissions of their user."""
    return {
        "id": str(delivery.id),
        "session": str(delivery.session_id),
        "kind": str(delivery.kind),
        "state": str(delivery.state),
    }


async def snapshot(tenant: TenantView, _: Principal) -> list[dict[str, Any]]:
    """Return what moved in the last hour, newest first, 200 at most."""
    since = datetime.now(UTC) - timedelta(hours=1)
    query = Delivery.filter(tenant_id=tenant.id, changed_at__gte=since)
    return [row(one) for one in await query.order_by("-changed_at").limit(200)]


# The person's rights


async def export_person(person: PersonRef) -> dict[str, Any] | None:
    rows = await _of_person(person)
    return (
        {
            "notices": [
                {
                    "at": one.created_at.isoformat(),
                    "kind": str(one.kind),
                    "channel": one.channel,
                    "address": one.address,
                    "name": one.name,
                    "language": one.language,
                    "state": str(one.state),
                }
                for one in rows
            ]
        }
        if rows
        else None
    )


async def erase_person(person: PersonRef, *, dry_run: bool) -> dict[str, int]:
    """Blank name and address; that something was sent stays, for the statistics."""
    rows = [one for one in await _of_person(person) if one.address or one.name]
    if not dry_run and rows:
        tenant = await service(Tenancy).get(person.tenant_id)
        query = Delivery.filter(tenant_id=tenant.id, id__in=[one.id for one in rows])
        await query.filter(tenant_id=tenant.id, state__in=UNDER_WAY).update(state=State.WITHDRAWN)
        await query.update(address="", name="", reason="")
    return {"notices": len(rows)}


async def _of_person(person: PersonRef) -> list[Delivery]:
    return await Delivery.filter(
        tenant_id=person.tenant_id, session__customer_id=person.customer_id
    ).order_by("created_at")
