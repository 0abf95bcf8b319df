"""Putting the application together. Nothing here decides; it only connects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from quart import Quart, g, has_request_context, request, websocket

from core import edge, files, hookspecs, line, privacy, rendering, sign_ins
from core.bus import Bus
from core.config import Config
from core.current import Services
from core.database import Database, connect
from core.errors import NotFound
from core.handover import handing_over
from core.hooks import Hooks
from core.jobs import Jobs
from core.plugins import Plugin, Registry, discover
from core.presence import Presence
from core.realtime import Realtime
from core.storage import Storage, open_storage
from core.tenancy import Tenancy, TenantView
from core.timeline import Timeline
from core.web import BLUEPRINTS, NAV, guard, language, problems
from core.web.bodies import MOST_FIELDS, IdConverter
from core.web.files import UploadRequest

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def create_app(config: Config, *, extra: tuple[Plugin, ...] = (), work: bool = True) -> Quart:
    """Return the application. *extra*: plugins no distribution announces. *work*: run jobs."""
    app = Quart("core", static_folder=None)
    app.request_class = UploadRequest
    app.config |= {"MAX_CONTENT_LENGTH": 1024 * 1024, "MAX_FORM_PARTS": MOST_FIELDS}
    app.url_map.converters["int"] = IdConverter
    registry = discover(extra)
    hooks = Hooks(*hookspecs.ALL)
    services = Services()
    for service in (config, registry, hooks):
        services.add(service)
    bus = services.add(Bus(config))
    tenancy = services.add(Tenancy(config, registry, bus))
    services.add(Timeline(bus))
    services.add(Presence(bus))
    services.add(Realtime(config, bus, tenancy, registry))
    services.add(Jobs(registry, hooks, tenancy, bus))
    services.add(open_storage(config), Storage)
    app.extensions["services"] = services
    rendering.install(app, registry, nav=NAV, dev=config.dev)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for plugin in registry:
        hooks.register(plugin.name, plugin)
        if plugin.blueprint is not None:
            app.register_blueprint(plugin.blueprint)
    hooks.broken |= registry.broken
    problems.install(app)
    app.before_request(_prepare)
    app.before_websocket(_prepare)
    app.before_request(language.speak)  # so that the guard's refusals are understood
    guard.install(app)
    app.before_request(language.speak)  # now it is known who asks
    app.after_request(language.remember_language)
    app.after_request(rendering.security_headers)
    _connect_parts(services)
    _live(app, config, registry, services, work)
    return app


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Services]:
    """Open the application without serving: for commands and for making test data."""
    app = create_app(config, work=False)
    async with app.test_app():
        services: Services = app.extensions["services"]
        with services.bound(), services[Database].entered():
            yield services


def _connect_parts(services: Services) -> None:
    """Let the parts that know of each other only here hear each other."""
    with services.bound():
        line.connect()
        sign_ins.connect()
        files.connect()
        privacy.connect()


def _live(app: Quart, config: Config, registry: Registry, services: Services, work: bool) -> None:
    """Open and close what the application needs while it serves."""
    inner: Asgi = handing_over(app.asgi_app)

    async def enter(scope: Any, receive: Any, send: Any) -> None:
        database = services.get(Database)
        with services.bound():
            if database is None:
                await inner(scope, receive, send)
                return
            with database.entered():
                await inner(await _with_tenant(services[Tenancy], config, scope), receive, send)

    cast("Any", app).asgi_app = edge.guarded(enter, config.trusted_proxies)

    @app.before_serving
    async def start() -> None:
        database = await connect(config.database_url, list(registry))
        services.add(database, Database)
        database.base.run(services.enter)
        try:
            with services.bound(), database.entered():
                for part in (Bus, Timeline, Presence, Realtime, *((Jobs,) if work else ())):
                    await services[part].start(database)
        except BaseException:
            # an open SQLite connection would keep the process from ending
            await database.close()
            raise

    @app.after_serving
    async def stop() -> None:
        database = services[Database]
        with services.bound(), database.entered():
            for kind in (Jobs, Realtime, Presence, Timeline, Bus):
                await services[kind].stop()
        await database.close()
        del services[Database]


async def _with_tenant(tenancy: Tenancy, config: Config, scope: dict[str, Any]) -> dict[str, Any]:
    """Put the tenant into *scope*: by domain, by subdomain, or by ``/t/<slug>/`` in the path.

    The path counts at the installation's own hosts only, not at names that others point at us.
    """
    if scope["type"] not in {"http", "websocket"}:
        return scope
    host = next((v for k, v in scope["headers"] if k == b"host"), b"").decode("latin1")
    host = host if host.endswith("]") else host.rsplit(":", 1)[0]
    tenant = await tenancy.of_host(host)
    root = scope.get("root_path", "")
    if tenant is None and scope["path"].startswith("/t/") and config.is_own_host(host):
        slug = scope["path"][3:].partition("/")[0]
        tenant = await tenancy.of_slug(slug)
        if tenant is not None:
            root += f"/t/{slug}"
    return scope | {"offhook.tenant": tenant, "root_path": root}


async def _prepare() -> None:
    """Fill ``g`` for this request or socket."""
    asked = request if has_request_context() else websocket
    tenant: TenantView | None = cast("Any", asked.scope)["offhook.tenant"]
    g.tenant, g.principal = tenant, None
    if tenant is not None:
        g.hooks = tenant.hooks
    elif asked.path.startswith("/t/"):
        raise NotFound
