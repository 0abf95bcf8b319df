"""What a page may say over its socket, decoded strictly."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec

from core.access import Principal

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
TopicName = Annotated[str, msgspec.Meta(max_length=120)]


class Subscribe(msgspec.Struct, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    id: Id
    topic: TopicName
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    id: Id
    topic: TopicName


class Send(msgspec.Struct, tag_field="op", tag="send", forbid_unknown_fields=True):
    id: Id
    type: Annotated[str, msgspec.Meta(max_length=64)]
    topic: TopicName = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Pong(msgspec.Struct, tag_field="op", tag="pong"):
    pass


class _OnlyId(msgspec.Struct):
    id: Any = None


Request = Subscribe | Unsubscribe | Send
_message = msgspec.json.Decoder(Subscribe | Unsubscribe | Send | Pong)
_only_id = msgspec.json.Decoder(_OnlyId)


def read(data: str | bytes) -> Request | None:
    """Return the message, ``None`` for a pong; ``msgspec.DecodeError`` for anything else."""
    try:
        message = _message.decode(data)
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
    return None if isinstance(message, Pong) else message


def key_of(principal: Principal, message: Send) -> str:
    """Return the page's id of a message as one that nobody else's message can have."""
    whose = f"{principal.kind}:{principal.id}:{message.topic}:{message.id}"
    return hashlib.blake2b(whose.encode(), digest_size=24).hexdigest()


def id_of(data: str | bytes) -> str | None:
    try:
        found = _only_id.decode(data).id
    except (msgspec.DecodeError, RecursionError):
        return None
    return found[:64] if isinstance(found, str) else None
