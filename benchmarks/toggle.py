"""A plugin is switched off: until when do two other processes know, with Redis and without?"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks._common import ROOT, end, report
from core import migrator, switching
from core.app import create_app
from core.config import Config
from core.current import Services
from core.database import Database
from core.plugins import discover
from core.tenancy import Tenancy
from core.testing.application import make_tenant
from core.testing.services import Redis, free_port, program
from core.values import SYSTEM

ROUNDS, WATCHERS = 10, 2
TARGET_S = {"redis": 0.05, "sqlite": 1.0}


def config_of(folder: str, redis_url: str) -> Config:
    return Config.from_env({}, data_dir=Path(folder), redis_url=redis_url)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Tenancy]:
    """Run the application without a port and without jobs."""
    app = create_app(config, work=False)
    async with app.test_app():
        services: Services = app.extensions["services"]
        with services.bound(), services[Database].entered():
            yield services[Tenancy]


async def watch(folder: str, redis_url: str) -> None:
    """In a process of its own: print the moment of each change that a request would notice."""
    async with running(config_of(folder, redis_url)) as tenancy:
        print("ready", flush=True)
        known = (await tenancy.get(1)).enabled
        while True:
            now = (await tenancy.get(1)).enabled
            if now != known:
                known = now
                print(time.time(), flush=True)
            await asyncio.sleep(0.001)


async def measure(folder: str, redis_url: str) -> list[float]:
    """Return for each switching the seconds until the last of the watchers knew."""
    config = config_of(folder, redis_url)
    await migrator.upgrade(config.database_url, list(discover()))
    waits = []
    async with running(config) as tenancy:
        await make_tenant("acme")
        watchers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.toggle", folder, redis_url,
                stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            )
            for _ in range(WATCHERS)
        ]  # fmt: skip
        try:
            for one in watchers:
                assert one.stdout is not None
                await one.stdout.readline()
            for n in range(ROUNDS):
                await asyncio.sleep(0.3 + 0.1 * n)
                tenant = await tenancy.get(1)
                await switching.switch(tenant, "notify", SYSTEM, on="notify" not in tenant.enabled)
                done = time.time()
                seen = [float(await one.stdout.readline()) for one in watchers if one.stdout]
                waits.append(max(0.0, max(seen) - done))
        finally:
            for one in watchers:
                one.kill()
                await one.wait()
    return waits


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(Path(folder), free_port(), program("redis-server", "redis-server"))
        redis.start()
        try:
            for name, url in (("redis", redis.url), ("sqlite", "")):
                waits = sorted(await measure(f"{folder}/{name}", url))
                limit_s, detail = TARGET_S[name], {"rounds": ROUNDS, "processes": WATCHERS}
                report(
                    f"toggle_seen_{name}", waits[-1] * 1000, "ms", f"<= {limit_s * 1000:.0f} ms",
                    met=waits[-1] <= limit_s,
                    detail=detail | {"median_ms": round(waits[len(waits) // 2] * 1000, 1)},
                )  # fmt: skip
        finally:
            redis.stop()
    end()


if __name__ == "__main__":
    asyncio.run(watch(*sys.argv[1:]) if len(sys.argv) > 1 else main())
