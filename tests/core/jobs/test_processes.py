from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from core.jobs import enqueue, now_ms
from core.models import Job
from tests.core.jobs.worker import Toy
from tests.core.parts import started

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def worker(url: str, folder: Path, lease_s: float = 30) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "tests.core.jobs.worker", url, str(folder), str(lease_s))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.stdin.close()
        await process.wait()


async def ran(folder: Path, count: int, *, within_s: float) -> list[list[str]]:
    """Return what the workers noted, once there are *count* lines."""
    path = folder / "ran.txt"
    lines: list[str] = []
    async with asyncio.timeout(within_s):
        while len(lines) < count:
            await asyncio.sleep(0.05)
            lines = path.read_text().splitlines() if path.exists() else []
    return [line.split() for line in lines]


@pytest.mark.serves("R-25")
async def test_three_processes_share_the_jobs_and_none_runs_twice(
    database_url: str, tmp_path: Path
) -> None:
    async with started(database_url, tmp_path, [Toy()]) as parts:
        parts.clock.ms = now_ms()
        async with (
            worker(database_url, tmp_path),
            worker(database_url, tmp_path),
            worker(database_url, tmp_path),
        ):
            async with in_transaction():
                for number in range(300):
                    await enqueue("toy.count", {"folder": str(tmp_path), "number": number})
            await ran(tmp_path, 300, within_s=20)
            async with asyncio.timeout(5):
                while await Job.exclude(status="done").exists():
                    await asyncio.sleep(0.05)
        lines = await ran(tmp_path, 300, within_s=1)
    assert sorted(int(number) for number, _ in lines) == list(range(300))
    assert len(Counter(process for _, process in lines)) >= 2


@pytest.mark.serves("R-19")
async def test_a_job_whose_process_was_killed_runs_again_when_the_lease_is_over(
    database_url: str, tmp_path: Path
) -> None:
    async with started(database_url, tmp_path, [Toy()]) as parts:
        parts.clock.ms = now_ms()
        await enqueue("toy.hang_once", {"folder": str(tmp_path)})
        async with worker(database_url, tmp_path, lease_s=0.9) as first:
            await ran(tmp_path, 1, within_s=10)
            first.kill()
            await first.wait()
        async with worker(database_url, tmp_path, lease_s=0.9):
            lines = await ran(tmp_path, 2, within_s=10)
            async with asyncio.timeout(5):
                while not await Job.filter(status="done").exists():
                    await asyncio.sleep(0.05)
    assert [word for word, _ in lines] == ["first", "again"]


async def test_a_long_job_keeps_its_lease(database_url: str, tmp_path: Path) -> None:
    async with started(database_url, tmp_path, [Toy()]) as parts:
        parts.clock.ms = now_ms()
        await enqueue("toy.hang_once", {"folder": str(tmp_path)})
        async with (
            worker(database_url, tmp_path, lease_s=0.6),
            worker(database_url, tmp_path, lease_s=0.6) as second,
        ):
            await ran(tmp_path, 1, within_s=10)
            await asyncio.sleep(1.5)
            assert len(await ran(tmp_path, 1, within_s=1)) == 1
            second.kill()
