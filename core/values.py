"""The values that travel between core and plugins. Frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.lifecycle import Channel


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. ``kind``: agent, customer, plugin or system; ``id`` is text."""

    kind: str
    id: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody at the door. ``address``: his network address; mail lower case, phone E.164."""

    tenant_id: int
    channel: Channel
    entry_point: str = ""
    address: str = ""
    email: str = ""
    phone: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A timeline event to be written. ``key``: the sender's id; the same key is the same event.

    ``while_open``: refused with ``SessionEnded`` when the session has ended by then.
    """

    tenant_id: int
    type: str
    actor: Actor
    payload: dict[str, Any] = field(default_factory=dict)
    session_id: UUID | None = None
    customer_id: UUID | None = None
    internal: bool = False
    key: str | None = None
    while_open: bool = False


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A timeline event that is committed. ``at_ms``: milliseconds since 1970, UTC.

    ``repeated``: the sender's key was known, so nothing new was written.
    """

    tenant_id: int
    seq: int
    session_id: UUID | None
    n: int | None
    type: str
    actor: Actor
    at_ms: int
    payload: dict[str, Any]
    internal: bool = False
    key: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Fragment:
    """A template a plugin wants rendered in a slot. ``order``: smaller comes first."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)
    order: int = 50


@dataclass(frozen=True, slots=True)
class Action:
    """A button. ``url`` is opened; with ``method`` "post" it is sent as a form instead.

    ``disabled``: why it cannot be used now, shown to the user; empty: it can.
    """

    label: str
    url: str
    icon: str = "circle"
    method: str = "get"
    permission: str | None = None
    confirm: str = ""
    disabled: str = ""
    order: int = 50


@dataclass(frozen=True, slots=True)
class Notice:
    """A text for one person by one channel. ``ref`` is the sender's id for it."""

    ref: str
    channel: str
    address: str
    name: str
    subject: str
    text: str
    html: str = ""
    language: str = "en"
    session_id: UUID | None = None
    files: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the carrier said on taking a notice over."""

    driver: str
    carrier_id: str = ""


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A customer whose data is exported or erased, with every address core knows of him."""

    tenant_id: int
    customer_id: UUID
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """``state``: ok, degraded or down; ``reason`` is for the operator."""

    component: str
    state: str = "ok"
    reason: str = ""
