"""Who is asking, and what is he allowed: principals, permissions and the marks of views."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from core.config import Config
from core.current import service
from core.plugins import Permission, Plugin, Registry
from core.tenancy import TenantView
from core.values import Actor

F = TypeVar("F", bound=Callable[..., Any])

ADMINISTRATOR: Final = "administrator"
AGENT: Final = "agent"
ROLES: Final = (ADMINISTRATOR, AGENT)

_PORTS: Final = {"http": ":80", "https": ":443"}

USER: Final = "user"
CUSTOMER: Final = "customer"

CORE_PERMISSIONS: Final = (
    Permission("core.session.view", "See sessions and their history"),
    Permission("core.session.attend", "Attend customers"),
    Permission("core.session.invite", "Invite customers"),
    Permission("core.session.delete", "Delete sessions"),
    Permission("core.session.priority", "Change the order in which customers wait"),
    Permission("core.file.view", "Open files"),
    Permission("core.file.add", "Add files"),
    Permission("core.user.manage", "Manage users", (ADMINISTRATOR,)),
    Permission("core.plugin.manage", "Switch features on and off", (ADMINISTRATOR,)),
    Permission("core.setting.manage", "Change settings", (ADMINISTRATOR,)),
    Permission("core.audit.view", "See the audit log", (ADMINISTRATOR,)),
)
_CORE: Final = {permission.name: permission.roles for permission in CORE_PERMISSIONS}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is behind a request, a socket or a message.

    ``kind`` user: ``id`` is the user's and ``session_id`` is ``None``. ``kind`` customer:
    ``id`` is the customer's, he may use the one session and has no permissions.
    """

    kind: str
    id: str
    name: str
    tenant_id: int
    role: str | None
    sign_in_id: int
    session_id: UUID | None = None
    language: str | None = None

    def may(self, tenant: TenantView, permission: str) -> bool:
        """Tell whether his role has *permission* now; never for a plugin that is switched off."""
        if self.role is None or tenant.id != self.tenant_id:
            return False
        return self.role in roles_with(tenant, permission)

    @property
    def is_user(self) -> bool:
        return self.kind == USER

    @property
    def user_id(self) -> int:
        """The user's key; ``ValueError`` for a customer."""
        if self.kind != USER:
            raise ValueError("a customer is not a user")
        return int(self.id)

    @property
    def actor(self) -> Actor:
        return Actor("agent" if self.kind == USER else "customer", self.id, self.name)


def roles_with(tenant: TenantView, permission: str) -> tuple[str, ...]:
    """Return the roles that have *permission* in this tenant; unknown ones nobody has."""
    owner = permission.partition(".")[0]
    if owner == "core":
        return _CORE.get(permission, ())
    plugin = service(Registry).plugins.get(owner) if owner in tenant.enabled else None
    if plugin is None:
        return ()
    if (declared := _declared.get(type(plugin))) is None:
        declared = _declared[type(plugin)] = {p.name: p.roles for p in plugin.permissions}
    return declared.get(permission, ())


_declared: dict[type[Plugin], dict[str, tuple[str, ...]]] = {}
"""Plugin -> permission -> roles: asked for each message, and facts of a class do not change."""


def permissions_of(tenant: TenantView) -> tuple[Permission, ...]:
    """Return every permission that means something in this tenant now."""
    plugins = [p for p in service(Registry) if p.name in tenant.enabled]
    return CORE_PERMISSIONS + tuple(one for plugin in plugins for one in plugin.permissions)


# Marks of views. Each view says who may use it; one that does not say keeps the program from
# starting. They stand below the route, so that the marked function is the one that is routed.


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a view. ``kinds``: of principals; empty: anybody."""

    kinds: frozenset[str] = frozenset()
    permission: str | None = None


def public(view: F) -> F:
    """For everybody, signed in or not."""
    return _mark(view, Access())


def signed_in(view: F) -> F:
    """For every user of the tenant."""
    return _mark(view, Access(frozenset({USER})))


def visitor(view: F) -> F:
    """For the customer of a session, on his own pages."""
    return _mark(view, Access(frozenset({CUSTOMER})))


def customer_or_user(view: F) -> F:
    """For both; the view itself checks which session a customer may use."""
    return _mark(view, Access(frozenset({USER, CUSTOMER})))


def permitted(permission: str) -> Callable[[F], F]:
    """For users whose role has *permission*."""

    def mark(view: F) -> F:
        return _mark(view, Access(frozenset({USER}), permission))

    return mark


def access_of(view: Callable[..., Any]) -> Access | None:
    """Return the mark of *view*, or ``None`` when it has none."""
    found = getattr(view, "__offhook_access__", None)
    return found if isinstance(found, Access) else None


def _mark(view: F, access: Access) -> F:
    view.__offhook_access__ = access  # type: ignore[attr-defined]
    return view


def origin_allowed(origin: str, host: str) -> bool:
    """Tell whether a page of *origin* may send to *host*: only our own pages may.

    *origin* is the ``Origin`` header, *host* the ``Host`` that the browser used.
    """
    scheme, separator, authority = origin.lower().partition("://")
    if not separator or scheme not in _PORTS:
        return False
    port = _PORTS[scheme]
    return authority.removesuffix(port) == host.lower().removesuffix(port)


def csrf_token(sign_in_id: int) -> str:
    """Return what the forms of this sign-in carry, and what no other site can know."""
    key = service(Config).secret.encode()
    digest = hmac.digest(key, f"csrf:{sign_in_id}".encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def csrf_valid(sign_in_id: int, token: str) -> bool:
    return hmac.compare_digest(csrf_token(sign_in_id).encode(), token.encode())
