"""What asking plugins costs, beside a loop written by hand."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from core.hooks import Answer, Hooks, collect, hookimpl

PLUGINS, CALLS, ROUNDS = 30, 4_000, 15
log = logging.getLogger(__name__)


class Specs:
    @collect
    async def asked(self, session: object) -> int | None: ...

    @collect
    async def unasked(self, session: object) -> int | None: ...


class Toy:
    @hookimpl
    async def asked(self, session: object) -> int | None:
        return 1


Named = Sequence[tuple[str, Callable[..., Awaitable[Any]]]]


async def by_hand(functions: Named, session: object) -> list[Answer[int]]:
    """The same answers from a loop without tenants, time limits and order."""
    answers: list[Answer[int]] = []
    for name, function in functions:
        try:
            value = await function(session)
        except Exception:
            log.exception("failed")
        else:
            if value is not None:
                answers.append(Answer(name, value))
    return answers


async def timed(work: Callable[[], Awaitable[Any]], calls: int) -> float:
    """Return microseconds per call."""
    began = time.perf_counter()
    for _ in range(calls):
        await work()
    return (time.perf_counter() - began) / calls * 1e6


async def main() -> None:
    hooks = Hooks(Specs)
    toys = {f"toy{n}": Toy() for n in range(PLUGINS)}
    for name, toy in toys.items():
        hooks.register(name, toy)
    enabled, session = frozenset(toys), object()
    functions = [(name, toy.asked) for name, toy in toys.items()]
    assert len(await hooks.of(enabled).asked(session=session)) == PLUGINS
    assert await hooks.of(enabled).unasked(session=session) == []

    ours, hand, nobody = [], [], []
    for _ in range(ROUNDS):
        ours.append(await timed(lambda: hooks.of(enabled).asked(session=session), CALLS))
        hand.append(await timed(lambda: by_hand(functions, session), CALLS))
        nobody.append(await timed(lambda: hooks.of(enabled).unasked(session=session), CALLS * 5))
    ratio = statistics.median(a / b for a, b in zip(ours, hand, strict=True))
    detail = {"ours_us": round(min(ours), 2), "by_hand_us": round(min(hand), 2)}
    say("hook dispatch, 30 plugins implementing", ratio, "x by hand", 1.5, detail)
    say("hook dispatch, nobody implementing", min(nobody), "us", 1.5, {})


def say(name: str, value: float, unit: str, target: float, detail: dict[str, Any]) -> None:
    line = {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "target": target,
        "met": value <= target,
        "detail": detail,
    }
    print(orjson.dumps(line).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
