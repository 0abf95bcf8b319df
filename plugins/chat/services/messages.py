"""Taking in what somebody writes in a session."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from core.api import (
    AppError,
    Conflict,
    Draft,
    Incoming,
    NotFound,
    Refused,
    Session,
    SessionEnded,
    SessionState,
    Settings,
    TenantView,
    Timeline,
    gettext_noop,
    service,
)
from plugins.chat.services.wording import is_blank

MESSAGE: Final = "chat.message"
LONGEST: Final = 4000


class ChatSettings(Settings, frozen=True, kw_only=True):
    greeting: Annotated[
        str,
        msgspec.Meta(
            title=gettext_noop("Greeting"),
            description=gettext_noop(
                "Shown to customers above the conversation; 500 characters at most. Empty: none."
            ),
            max_length=500,
        ),
    ] = ""
    customers_attach: Annotated[
        bool,
        msgspec.Meta(
            title=gettext_noop("Customers may attach files"),
            description=gettext_noop("Agents always may."),
        ),
    ] = True
    longest_message: Annotated[
        int,
        msgspec.Meta(
            title=gettext_noop("Longest message"),
            description=gettext_noop("In characters, 100 to 4000."),
            ge=100,
            le=LONGEST,
        ),
    ] = LONGEST


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page sends as ``chat.message``."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class MessageEmpty(AppError):
    status = 400
    code = "message-empty"
    message = "There is nothing to read in this message."


class MessageTooLong(AppError):
    status = 400
    code = "message-too-long"
    message = "A message can have {limit} characters at most."


class ConversationEnded(Conflict):
    code = "conversation-ended"
    message = "This conversation has ended. Contact us again to go on."


class FilesNotWanted(Refused):
    code = "files-not-wanted"
    message = "Files cannot be sent here. Please write instead."


def settings_of(tenant: TenantView) -> ChatSettings:
    return tenant.setting("chat", ChatSettings)


async def take(incoming: Incoming) -> dict[str, Any]:
    """Keep a message; the answer tells its place in the session.

    Sent again with the same key it is not kept again, whatever has happened in between.
    """
    tenant, session_id = incoming.tenant, incoming.session_id
    if session_id is None:
        raise NotFound
    text = await _read(tenant, session_id, incoming.data.text)
    draft = Draft(
        tenant_id=tenant.id,
        type=MESSAGE,
        actor=incoming.principal.actor,
        payload={"text": text},
        session_id=session_id,
        key=incoming.key,
        while_open=not incoming.principal.is_user,
    )
    try:
        event = await service(Timeline).append(draft)
    except SessionEnded as error:
        raise ConversationEnded from error
    return {"n": event.n, "at": event.at_ms}


async def _read(tenant: TenantView, session_id: UUID, written: str) -> str:
    text = await tenant.hooks.message_in(value=written, tenant=tenant, session_id=str(session_id))
    text = text.strip()
    if is_blank(text):
        raise MessageEmpty
    limit = settings_of(tenant).longest_message
    if len(text) > limit:
        raise MessageTooLong(limit=limit)
    return text


async def is_over(tenant_id: int, session_id: UUID) -> bool:
    query = Session.filter(tenant_id=tenant_id, id=session_id, state=SessionState.ENDED)
    return await query.exists()


async def refuse_unwanted_file(tenant: TenantView, session_id: UUID, kind: str) -> None:
    """Let agents add files at any time, customers while it goes on and the tenant wants it.

    *kind*: of the actor.
    """
    if kind != "customer":
        return
    if not settings_of(tenant).customers_attach:
        raise FilesNotWanted
    if await is_over(tenant.id, session_id):
        raise ConversationEnded
