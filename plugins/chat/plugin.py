"""What chat is, and where it takes part."""

from __future__ import annotations

from uuid import UUID

from quart import g

from core.api import (
    Actor,
    EventType,
    Fragment,
    MessageType,
    NavItem,
    Permission,
    Plugin,
    Session,
    TenantView,
    gettext_noop,
    hookimpl,
)
from plugins.chat import views
from plugins.chat.services import conversation
from plugins.chat.services.messages import (
    MESSAGE,
    ChatSettings,
    Written,
    refuse_unwanted_file,
    take,
)
from plugins.chat.services.responses import MANAGE_GLOBAL
from plugins.chat.services.wording import without_tricks


class ChatPlugin(Plugin):
    name = "chat"
    title = "Chat"
    description = (
        "The conversation with a customer, files, prepared answers and a widget for sites."
    )
    models = "plugins.chat.models"
    blueprint = views.blueprint
    settings = ChatSettings
    permissions = (
        Permission("chat.message.send", gettext_noop("Write to customers")),
        Permission("chat.response.use", gettext_noop("Use quick responses and keep his own")),
        Permission(
            MANAGE_GLOBAL,
            gettext_noop("Manage the quick responses of everybody"),
            ("administrator",),
        ),
    )
    nav = (
        NavItem(
            "chat.responses",
            gettext_noop("Quick responses"),
            "zap",
            permission=MANAGE_GLOBAL,
            admin=True,
        ),
    )
    messages = (MessageType(MESSAGE, Written, take, "chat.message.send", customers=True),)
    events = (EventType(MESSAGE, icon="message-square", attention=True),)
    modules = {"agent": ("panel.js",), "visit": ("panel.js",)}
    keeps = (
        "Quick responses until somebody deletes them or their owner. Messages and files are part"
        " of the timeline, which core keeps and erases."
    )

    @hookimpl
    async def message_in(self, value: str, tenant: TenantView, session_id: str) -> str | None:
        return without_tricks(value)

    @hookimpl
    async def accept_file(self, tenant: TenantView, session_id: UUID, by: Actor) -> None:
        await refuse_unwanted_file(tenant, session_id, by.kind)

    @hookimpl
    async def session_main(self, session: Session) -> Fragment | None:
        return await self._panel(session)

    @hookimpl
    async def visit_main(self, session: Session) -> Fragment | None:
        return await self._panel(session)

    async def _panel(self, session: Session) -> Fragment | None:
        if g.principal is None:
            return None
        data = await conversation.start(g.tenant, session, g.principal)
        return Fragment("chat/panel.html", {"data": data})
