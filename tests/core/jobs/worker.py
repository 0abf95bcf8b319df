"""A process that runs the jobs of a database until it is told to stop.

``python -m tests.core.jobs.worker <database url> <folder> <lease in seconds>``
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from core.jobs import Pace, now_ms
from core.plugins import JobType, Plugin
from tests.core.parts import started


def note(folder: str, text: str) -> None:
    with (Path(folder) / "ran.txt").open("a") as file:
        file.write(f"{text}\n")


async def count(tenant: Any, folder: str, number: int) -> None:
    await asyncio.sleep(0.002)
    note(folder, f"{number} {os.getpid()}")


async def hang_once(tenant: Any, folder: str) -> None:
    """Hang in the first process that tries; be done in the second."""
    first = not (Path(folder) / "ran.txt").exists()
    note(folder, f"{'first' if first else 'again'} {os.getpid()}")
    if first:
        await asyncio.sleep(3600)


class Toy(Plugin):
    name = "toy"
    title = "Toy"
    jobs = (JobType("toy.count", count), JobType("toy.hang_once", hang_once, timeout_s=3600))


async def main(url: str, folder: str, lease_s: str) -> None:
    pace = Pace(poll_s=0.1, lease_s=float(lease_s), at_once=4, stop_s=0.2)
    async with started(url, Path(folder), [Toy()], schema=False, pace=pace) as parts:
        parts.jobs._clock = now_ms
        await parts.jobs.start(parts.database)
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
