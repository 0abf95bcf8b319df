"""Who may use which topic, asked at each subscription, each message and each change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from core.access import Principal
from core.errors import Forbidden, NotFound
from core.plugins import Registry, StateTopic
from core.tenancy import TenantView
from core.timeline import Timeline

KNOWN_MAX: Final = 10_000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionState:
    """A state topic ``<name>:<session>``, for those who may see the session."""

    snapshot: Callable[[TenantView, Principal, UUID], Awaitable[Sequence[Row]]]
    allow: Callable[[TenantView, Principal, UUID], Awaitable[bool]] | None = None


class TopicAccess:
    def __init__(self, registry: Registry, timeline: Callable[[], Timeline]) -> None:
        self._timeline = timeline
        self.session_states: dict[str, SessionState] = {}
        self.plugin_states: dict[str, StateTopic] = {
            topic.name: topic for plugin in registry for topic in plugin.topics
        }
        self._tenant_of: dict[UUID, int] = {}

    async def may_use(self, tenant: TenantView, principal: Principal, topic: str) -> UUID | None:
        """Return the session of *topic*, if it is one's; raise when he may not use it now."""
        name, separator, text = topic.partition(":")
        if not separator:
            self._may_watch(tenant, principal, name)
            return None
        session_id = _uuid(text)
        if name != "session" and name not in self.session_states:
            raise NotFound
        if not principal.is_user:
            if session_id != principal.session_id:
                raise NotFound
        elif not principal.may(tenant, "core.session.view"):
            raise Forbidden
        if await self._owner(tenant.id, session_id) != tenant.id:
            raise NotFound
        state = self.session_states.get(name)
        if state and state.allow and not await state.allow(tenant, principal, session_id):
            raise Forbidden
        return session_id

    def _may_watch(self, tenant: TenantView, principal: Principal, name: str) -> None:
        state = self.plugin_states.get(name)
        if state is None or name.partition(".")[0] not in tenant.enabled or not principal.is_user:
            raise NotFound
        if not principal.may(tenant, state.permission):
            raise Forbidden

    async def _owner(self, tenant_id: int, session_id: UUID) -> int:
        """Return the session's tenant, which never changes; 0 when *tenant_id* has no such one."""
        if (known := self._tenant_of.get(session_id)) is not None:
            return known
        if not await self._timeline().has_session(tenant_id, session_id):
            return 0
        if len(self._tenant_of) >= KNOWN_MAX:
            del self._tenant_of[next(iter(self._tenant_of))]
        self._tenant_of[session_id] = tenant_id
        return tenant_id


@lru_cache(maxsize=KNOWN_MAX)
def _uuid(text: str) -> UUID:
    """Read a UUID in the one spelling that topics have."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text:
        raise NotFound
    return found
