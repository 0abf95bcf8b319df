"""One socket per page: who may subscribe to what and send what, asked again for each message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from core import frames, sign_ins
from core.access import Principal
from core.bus import Bus
from core.config import Config
from core.current import service
from core.database import Database
from core.errors import AppError, BadInput, Forbidden, NotFound
from core.heartbeat import Heartbeat
from core.i18n import Context, switch, translate_error
from core.messages import Request, Send, Subscribe, id_of, key_of, read
from core.plugins import Incoming, MessageType, Registry
from core.presence import CHANGED as PRESENCE_CHANGED
from core.presence import Presence
from core.sockets import RESTART, SIGNED_OUT, Limits, Receive, Socket, Transmit
from core.tenancy import CHANGED as TENANT_CHANGED
from core.tenancy import Tenancy, TenantView
from core.tickets import Tickets
from core.timeline import Timeline
from core.topic_access import SessionState, TopicAccess
from core.topics import STATE, Row, Topics
from core.typing_signal import TYPING

log = logging.getLogger(__name__)

CLOSE_S: Final = 3.0


class Realtime:
    def __init__(self, config: Config, bus: Bus, tenancy: Tenancy, registry: Registry) -> None:
        self._bus, self._tenancy = bus, tenancy
        self.tickets = Tickets(config, bus)
        self.limits = Limits()
        self._sockets: dict[Socket, None] = {}
        self._access = TopicAccess(registry, lambda: service(Timeline))
        self._messages: dict[str, tuple[MessageType, msgspec.json.Decoder[Any]]] = {}
        for message_type in (TYPING, *(m for plugin in registry for m in plugin.messages)):
            decoder = msgspec.json.Decoder(message_type.schema)
            self._messages[message_type.name] = (message_type, decoder)
        self._heartbeat = Heartbeat(self._sockets)
        self._accepting = True
        self._empty = asyncio.Event()
        bus.on(TENANT_CHANGED, self._tenant_changed, lost=self._lost)
        bus.on(PRESENCE_CHANGED, self._presence_changed)
        bus.on(STATE, self._state_changed)
        bus.on(sign_ins.ENDED, self._sign_ins_ended)
        bus.on(sign_ins.USER_CHANGED, self._user_changed)

    async def start(self, database: Database) -> None:
        self._database = database
        self._timeline, self._presence = service(Timeline), service(Presence)
        self._topics = Topics(self._bus, self._timeline)
        self._topics.start(database)
        self.state("presence", self._presence.rows)
        self._heartbeat.start(database, self._presence)
        self._timeline.on_kept(self._tell_plugins)

    async def stop(self) -> None:
        await self._heartbeat.stop()
        await self.close_all()

    async def close_all(self, code: int = RESTART, reason: str = "restart") -> None:
        """Close every socket of this process and wait, shortly, until they are gone."""
        self._accepting = False
        for socket in tuple(self._sockets):
            socket.close(code, reason)
        if self._sockets:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), CLOSE_S)

    def state(
        self,
        name: str,
        snapshot: Callable[[TenantView, Principal, UUID], Awaitable[Sequence[Row]]],
        allow: Callable[[TenantView, Principal, UUID], Awaitable[bool]] | None = None,
    ) -> None:
        """Serve the state topic ``<name>:<session>`` to agents and to the session's customer.

        *allow* may refuse some of them.
        """
        self._access.session_states[name] = SessionState(snapshot, allow)

    async def publish_state(
        self,
        tenant_id: int,
        topic: str,
        *,
        set: Sequence[Row] = (),
        gone: Sequence[Any] = (),
    ) -> None:
        """Tell every watcher of *topic*, in every process, which rows changed and which went."""
        body = {"tenant": tenant_id, "topic": topic, "set": list(set), "gone": list(gone)}
        await self._bus.publish(STATE, body)

    # One socket

    async def serve(
        self, principal: Principal, words: Context, receive: Receive, send: Transmit
    ) -> None:
        """Serve an accepted socket until it closes; *receive* and *send* are ASGI's."""
        switch(words)
        socket = Socket(principal, self.limits, send, self._handle)
        self._sockets[socket] = None
        if not self._accepting:
            socket.close(RESTART, "restart")
        await self._presence.enter(socket)
        try:
            await socket.run(receive, self._decode)
        finally:
            self._sockets.pop(socket, None)
            if not self._sockets:
                self._empty.set()
            for leave in socket.topics.values():
                leave()
            socket.topics.clear()
            self._presence.drop(socket)

    def _decode(self, socket: Socket, data: str | bytes) -> Request | None:
        try:
            return read(data)
        except msgspec.DecodeError as error:
            bad = BadInput(field="message", problem=str(error))
            socket.send(frames.error(id_of(data), bad.code, translate_error(bad)))
            return None

    async def _handle(self, socket: Socket, message: Request) -> None:
        try:
            result = await self._answer(socket, message)
        except AppError as error:
            frame = frames.error(message.id, error.code, translate_error(error))
        except asyncio.CancelledError:
            if not socket.overran:
                raise
            socket.overran = False
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            log.error("a message of type %s took too long", getattr(message, "type", "subscribe"))
            frame = frames.error(message.id, AppError.code, translate_error(AppError()))
        except Exception:
            log.exception("a message of type %s failed", getattr(message, "type", "subscribe"))
            frame = frames.error(message.id, AppError.code, translate_error(AppError()))
        else:
            frame = frames.ok(message.id, result)
        socket.send(frame)

    async def _answer(self, socket: Socket, message: Request) -> dict[str, Any] | None:
        tenant_id = socket.principal.tenant_id
        tenant = self._tenancy.known(tenant_id) or await self._tenancy.get(tenant_id)
        if isinstance(message, Send):
            return await self._send(socket, tenant, message)
        if isinstance(message, Subscribe):
            return await self._subscribe(socket, tenant, message)
        self._leave(socket, message.topic)
        return None

    # Subscribing

    async def _subscribe(
        self, socket: Socket, tenant: TenantView, message: Subscribe
    ) -> dict[str, Any] | None:
        topic, principal = message.topic, socket.principal
        session_id = await self._access.may_use(tenant, principal, topic)
        self._leave(socket, topic)
        result = None
        if session_id is not None and topic.startswith("session:"):
            last, leave = await self._topics.join_stream(socket, session_id, message.after)
            result = {"last": last}
        else:
            rows = partial(self._rows, principal, topic, session_id)
            leave = await self._topics.join_state(socket, topic, rows)
        if socket.closing is not None:
            leave()
            return None
        socket.topics[topic] = leave
        if result is not None and session_id is not None:
            await self._presence.attend(socket, session_id)
        return result

    async def _rows(
        self, principal: Principal, topic: str, session_id: UUID | None
    ) -> Sequence[Row]:
        """Make the snapshot of a state topic as the tenant is now."""
        tenant = await self._tenancy.get(principal.tenant_id)
        made: Awaitable[Sequence[Row]]
        if session_id is None:
            made = self._access.plugin_states[topic].snapshot(tenant, principal)
        else:
            state = self._access.session_states[topic.partition(":")[0]]
            made = state.snapshot(tenant, principal, session_id)
        return await made

    def _leave(self, socket: Socket, topic: str) -> None:
        leave = socket.topics.pop(topic, None)
        if leave is not None:
            leave()
            if topic.startswith("session:"):
                self._presence.unattend(socket, UUID(topic.partition(":")[2]))

    # Sending

    async def _send(
        self, socket: Socket, tenant: TenantView, message: Send
    ) -> dict[str, Any] | None:
        principal = socket.principal
        found = self._messages.get(message.type)
        if found is None:
            raise NotFound
        message_type, decoder = found
        plugin = message.type.partition(".")[0]
        if plugin != "core" and plugin not in tenant.enabled:
            raise NotFound
        if not principal.is_user:
            if not message_type.customers:
                raise Forbidden
        elif not principal.may(tenant, message_type.permission):
            raise Forbidden
        session_id = None
        if message.topic:
            session_id = await self._access.may_use(tenant, principal, message.topic)
        try:
            data = decoder.decode(message.data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadInput(field="data", problem=str(error)) from error
        key = key_of(principal, message)
        incoming = Incoming(tenant, principal, message.topic, session_id, data, key)
        return await message_type.handle(incoming)

    # What other parts and other processes tell

    async def _tell_plugins(self, event: Any) -> None:
        tenant = self._tenancy.known(event.tenant_id) or await self._tenancy.get(event.tenant_id)
        await tenant.hooks.event_kept(tenant=tenant, event=event)

    async def _state_changed(self, body: dict[str, Any]) -> None:
        tenant_id, topic = body["tenant"], body["topic"]
        state = self._topics.state(tenant_id, topic)
        if state is None:
            return
        tenant = self._tenancy.known(tenant_id) or await self._tenancy.get(tenant_id)
        if ":" not in topic and topic.partition(".")[0] not in tenant.enabled:
            await self._recheck(tenant_id)
            return
        state.tell(body["set"], body["gone"])

    async def _presence_changed(self, body: dict[str, Any]) -> None:
        topic = f"presence:{body['session']}"
        if state := self._topics.state(body["tenant"], topic):
            state.tell([{"id": body["side"], "online": body["online"]}], [])

    async def _tenant_changed(self, body: dict[str, Any]) -> None:
        await self._recheck(body["tenant"])

    async def plugin_switched(self, tenant_id: int, plugin: str, *, on: bool) -> None:
        """Close what the plugin published; other processes hear of the tenant's change."""
        await self._recheck(tenant_id)

    async def _recheck(self, tenant_id: int) -> None:
        """Close the topics their subscribers may no longer use."""
        mine = [s for s in self._sockets if s.principal.tenant_id == tenant_id and s.topics]
        if not mine:
            return
        tenant = await self._tenancy.get(tenant_id)
        for socket in mine:
            for topic in tuple(socket.topics):
                try:
                    await self._access.may_use(tenant, socket.principal, topic)
                except AppError as error:
                    self._leave(socket, topic)
                    socket.send(frames.closed(topic, error.code))

    async def _sign_ins_ended(self, body: dict[str, Any]) -> None:
        ended = frozenset(body["ids"])
        for socket in tuple(self._sockets):
            if socket.principal.sign_in_id in ended:
                socket.close(SIGNED_OUT, "signed out")

    def close_sign_in(self, sign_in_id: int) -> None:
        """Close the sockets of one sign-in here; the bus channel does it everywhere."""
        for socket in tuple(self._sockets):
            if socket.principal.sign_in_id == sign_in_id:
                socket.close(SIGNED_OUT, "signed out")

    async def _user_changed(self, body: dict[str, Any]) -> None:
        user_id = str(body["user"])
        for socket in tuple(self._sockets):
            if socket.principal.is_user and socket.principal.id == user_id:
                socket.close(SIGNED_OUT, "role changed")

    def _lost(self) -> None:
        """Other processes' messages may have been missed: look at everything again."""
        if self._sockets:
            self._database.spawn(self._look_again(), name="realtime: look again")

    async def _look_again(self) -> None:
        for tenant_id in {socket.principal.tenant_id for socket in self._sockets}:
            await self._recheck(tenant_id)
        for state in self._topics.states():
            await state.refresh()
        await self._heartbeat.check_sign_ins(tuple(self._sockets))


async def publish_state(
    tenant_id: int,
    topic: str,
    *,
    set: Sequence[Row] = (),
    gone: Sequence[Any] = (),
) -> None:
    """Tell every watcher of a state topic which rows changed (each has ``id``) and which went."""
    await service(Realtime).publish_state(tenant_id, topic, set=set, gone=gone)
