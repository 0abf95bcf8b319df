"""The command ``offhook``: run, migrate and look after an installation."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from core import demo, migrator
from core.app import create_app, opened
from core.config import BadConfig, Config
from core.plugins import BadPlugin, discover
from core.serving import listen, serve

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
Command = Callable[[argparse.Namespace, Config], Awaitable[int]]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)
    try:
        config = Config.from_env(**_overrides(options))
        runner = _event_loop()
        with asyncio.Runner(loop_factory=runner) as run:
            sys.exit(run.run(options.run(options, config)))
    except (BadConfig, BadPlugin, OSError, ValueError) as error:
        sys.exit(f"offhook: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    given = {"port": options.port} if getattr(options, "port", None) else {}
    return given | ({"demo": True} if options.command == "dev" else {})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="offhook", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    for name, run, text in (
        ("dev", _dev, "Migrate, make the demo tenants and serve on embedded defaults."),
        ("serve", _serve, "Serve. Needs a migrated database."),
    ):
        add(name, run, text).add_argument(
            "--port", type=int, help="TCP port, instead of the set one"
        )
    add("migrate", _migrate, "Bring the tables up to what is installed.")
    add("plugins", _plugins, "List the installed plugins and what is wrong with them.")
    new = add("makemigrations", _make_migrations, "Write the missing migration of one app.")
    new.add_argument("label", help="core or the name of a plugin")
    new.add_argument("--name", help="a word for the file name")
    return parser


async def _migrate(_: argparse.Namespace, config: Config) -> int:
    done = await migrator.upgrade(config.database_url, list(discover()), lambda name: print(name))
    print(f"{len(done)} migrations applied." if done else "Nothing to do.")
    return 0


async def _make_migrations(options: argparse.Namespace, _: Config) -> int:
    for path in await migrator.make_migrations(list(discover()), options.label, options.name):
        print(path)
    return 0


async def _plugins(_: argparse.Namespace, _config: Config) -> int:
    registry = discover()
    for plugin in registry:
        print(f"{plugin.name:16} {registry.sources.get(plugin.name, '')}  {plugin.title}")
    for name, why in registry.broken.items():
        print(f"{name:16} BROKEN: {why}")
    return 1 if registry.broken else 0


async def _serve(_: argparse.Namespace, config: Config) -> int:
    if missing := await migrator.pending(config.database_url, list(discover())):
        print(
            f"offhook: {len(missing)} migrations are missing; run offhook migrate", file=sys.stderr
        )
        return 1
    await serve(create_app(config), _listen(config))
    return 0


async def _dev(_: argparse.Namespace, config: Config) -> int:
    await migrator.upgrade(config.database_url, list(discover()))
    async with opened(config):
        await demo.make()
    app, listener = create_app(config), _listen(config)
    print(_welcome(config), flush=True)
    await serve(app, listener)
    return 0


def _listen(config: Config) -> socket.socket:
    try:
        return listen(config.host, config.port)
    except OSError as error:
        where = f"{config.host}:{config.port}"
        raise BadConfig(f"{where} cannot be listened on ({error.strerror}); try --port") from error


def _welcome(config: Config) -> str:
    lines = ["", f"Offhook runs at {config.public_url}/   (Ctrl+C ends it)", ""]
    for tenant in demo.TENANTS:
        base = f"{config.public_url}/t/{tenant.slug}"
        lines += [f"  {tenant.name}", f"    agents     {base}/"]
        lines += [f"    customers  {base}/e/{tenant.entry[0]}"]
        if "email" in next(plan for plan in demo.PLANS if plan[0] == tenant.plan)[2]:
            lines += [f"    mail       {base}/email/outbox"]
        lines += [f"    sign in    {u.email}  {demo.PASSWORD}  ({u.role})" for u in tenant.users]
        lines.append("")
    return "\n".join(lines)
