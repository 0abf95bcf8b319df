"""What a plugin is, and which ones are installed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import msgspec
from quart import Blueprint as QuartBlueprint
from quart import g
from stevedore import NamedExtensionManager

import core
from core.errors import NotFound
from core.settings import Settings

if TYPE_CHECKING:
    from core.access import Principal
    from core.tenancy import TenantView

log = logging.getLogger(__name__)
GROUP = "offhook.plugins"
F = TypeVar("F", bound=Callable[..., Any])


class BadPlugin(Exception):
    """A plugin breaks a rule that is checked at start; the text names plugin and rule."""


@dataclass(frozen=True, slots=True)
class Permission:
    """``<plugin>.<noun>.<verb>``; ``roles`` have it unless the tenant decides otherwise."""

    name: str
    title: str
    roles: tuple[str, ...] = ("administrator", "agent")


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the agents' menu. ``endpoint`` is the Quart endpoint. ``home``: a home page."""

    endpoint: str
    title: str
    icon: str
    permission: str | None = None
    order: int = 50
    home: bool = False
    admin: bool = False
    """Stands in the administrators' part of the menu."""


@dataclass(frozen=True, slots=True)
class JobType:
    """Background work. ``run`` gets the tenant (``None``: platform-wide) and the job's args.

    ``cron_s``: also runs by itself every so many seconds, once in the whole installation,
    for every tenant that has the plugin on. ``tries``: then the job is dead.
    """

    name: str
    run: Callable[..., Awaitable[None]]
    tries: int = 6
    cron_s: int | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class StateTopic:
    """A live state of the tenant: a snapshot, then deltas. Name ``<plugin>.<noun>``.

    ``permission``: who may watch (agents). ``snapshot(tenant, principal)`` returns a list of
    rows, each a dict with ``id``.
    """

    name: str
    permission: str
    snapshot: Callable[[TenantView, Principal], Awaitable[list[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class MessageType:
    """What a page may send over its socket. Name ``<plugin>.<verb>``.

    ``handle(incoming)`` returns the answer's ``ok`` object. Core has checked that the sender
    may use the topic; ``permission`` is asked of agents on top. ``customers``: they may send it.
    """

    name: str
    schema: type[msgspec.Struct]
    handle: Callable[[Incoming], Awaitable[dict[str, Any] | None]]
    permission: str
    customers: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """One client message, checked. ``key``: the client's id; sending twice does it once."""

    tenant: TenantView
    principal: Principal
    topic: str
    session_id: Any
    """``UUID`` of the session when the topic is one, else ``None``."""
    data: Any
    """An instance of the message type's schema."""
    key: str


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of timeline event a plugin writes; documents it and says how a page shows it.

    ``text`` is shown as the line of the event; ``{name}`` is the actor, other names come from
    the payload. Empty: the plugin's own element shows it. ``attention``: an agent should look.
    """

    name: str
    text: str = ""
    icon: str = "circle"
    attention: bool = False


class Plugin:
    """A feature a tenant can switch on.

    Facts are class attributes and behaviour is hooks, so the catalogue of plugins
    can be shown without running any of their code. Core makes one instance
    per process; it serves every tenant and keeps no state of any.
    """

    name: ClassVar[str]
    """Entry-point name; also prefixes URLs, tables, permissions, topics and templates."""
    title: ClassVar[str]
    description: ClassVar[str] = ""
    requires: ClassVar[tuple[str, ...]] = ()
    """Plugins that must be on before this one, and are registered earlier."""
    min_core: ClassVar[str] = "0.1"
    models: ClassVar[str | None] = None
    blueprint: ClassVar[Blueprint | None] = None
    settings: ClassVar[type[Settings] | None] = None
    permissions: ClassVar[tuple[Permission, ...]] = ()
    nav: ClassVar[tuple[NavItem, ...]] = ()
    jobs: ClassVar[tuple[JobType, ...]] = ()
    topics: ClassVar[tuple[StateTopic, ...]] = ()
    messages: ClassVar[tuple[MessageType, ...]] = ()
    events: ClassVar[tuple[EventType, ...]] = ()
    actions: ClassVar[Mapping[str, str]] = {}
    """Titles of what it writes to the audit log, by the action's name."""
    modules: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """ES modules in ``static/`` to load, by page: ``agent`` (desk pages) and ``visit``."""
    keeps: ClassVar[str] = "Nothing."
    """Which data it stores and for how long, in a sentence for the privacy statement."""

    async def on_enable(self, tenant: TenantView) -> None:
        """Get ready for *tenant*; called on each switching on, so it must be idempotent."""

    async def on_disable(self, tenant: TenantView) -> None:
        """Let go; data stays. Called on each switching off."""


class Blueprint(QuartBlueprint):
    """A blueprint that exists only for tenants who have the plugin enabled."""

    def __init__(self, plugin: str, import_name: str, **kwargs: Any) -> None:
        super().__init__(plugin, import_name, url_prefix=f"/{plugin}", **kwargs)
        self.plugin = plugin
        self.before_request(self._require_enabled)
        self.before_websocket(self._require_enabled)

    async def _require_enabled(self) -> None:
        if self.plugin not in g.tenant.enabled:
            raise NotFound


@dataclass(slots=True)
class Registry:
    """The installed plugins in dependency order, and those that could not be loaded."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    """Plugin name -> why it could not be loaded, for the operator."""
    sources: dict[str, str] = field(default_factory=dict)
    """Plugin name -> distribution and version."""

    def __iter__(self) -> Any:
        return iter(self.plugins.values())

    def closure(self, names: frozenset[str]) -> frozenset[str]:
        """Return those of *names* that are installed and whose requirements are among them, too."""
        kept = {n for n in names if n in self.plugins}
        while lacking := {n for n in kept if not set(self.plugins[n].requires) <= kept}:
            kept -= lacking
        return frozenset(kept)


def installed() -> dict[str, EntryPoint]:
    """Return the entry points by name; two distributions may not claim one name."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise BadPlugin(f"plugin {point.name} comes from both {other.value} and {point.value}")
    return found


def discover(extra: tuple[Plugin, ...] = ()) -> Registry:
    """Load every installed plugin. One that fails to load is broken, the others still start.

    *extra*: plugin objects that no distribution announces; tests and benchmarks make them.
    """
    points = installed()
    registry = Registry(sources={name: _source(point) for name, point in points.items()})

    def failed(_: object, point: EntryPoint, error: BaseException) -> None:
        log.error("plugin %s could not be loaded", point.name, exc_info=error)
        registry.broken[point.name] = f"could not be loaded: {error!r}"[:300]

    manager: NamedExtensionManager[Any] = NamedExtensionManager(
        GROUP, sorted(points), invoke_on_load=True, on_load_failure_callback=failed
    )
    loaded = {one.name: cast("Plugin", one.obj) for one in manager}
    for plugin in extra:
        if plugin.name in loaded:
            raise BadPlugin(f"plugin {plugin.name} is there twice")
        loaded[plugin.name] = plugin
        registry.sources[plugin.name] = "in this process"
    for name, plugin in loaded.items():
        _check(name, plugin)
    registry.plugins = _in_order(loaded, registry.broken)
    return registry


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"


def _check(name: str, plugin: Plugin) -> None:
    if plugin.name != name:
        raise BadPlugin(f"the entry point {name} leads to a plugin named {plugin.name}")
    if not name.isidentifier() or name != name.lower():
        raise BadPlugin(f"plugin {name}: the name must be a lower-case identifier")
    if plugin.blueprint is not None and not isinstance(plugin.blueprint, Blueprint):
        raise BadPlugin(f"plugin {name}: its blueprint must be core.api.Blueprint")
    named = [
        *(p.name for p in plugin.permissions),
        *(j.name for j in plugin.jobs),
        *(t.name for t in plugin.topics),
        *(m.name for m in plugin.messages),
        *(e.name for e in plugin.events),
    ]
    for full in named:
        if not full.startswith(f"{name}."):
            raise BadPlugin(f"plugin {name}: {full} must begin with {name}.")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _in_order(loaded: dict[str, Plugin], broken: dict[str, str]) -> dict[str, Plugin]:
    """Order by requirements, then by name; what lacks something is broken, not fatal."""
    ordered: dict[str, Plugin] = {}
    waiting = dict(sorted(loaded.items()))
    for name, plugin in list(waiting.items()):
        if _version(plugin.min_core) > _version(core.__version__):
            broken[name] = f"needs core {plugin.min_core}, this is {core.__version__}"
            del waiting[name]
    while ready := [n for n, p in waiting.items() if set(p.requires) <= ordered.keys()]:
        ordered |= {name: waiting.pop(name) for name in ready}
    for name, plugin in waiting.items():
        lacking = ", ".join(sorted(set(plugin.requires) - ordered.keys()))
        broken[name] = f"requires {lacking}, which is missing or requires it back"
    return ordered
