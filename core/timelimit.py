"""A time limit that costs nothing while the work does not have to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")


async def within(limit_s: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*; raise ``TimeoutError`` when it waits beyond *limit_s* seconds.

    Most hooks return without waiting for anything. Those never need a timer, so it is
    armed only at the first thing the coroutine waits for.
    """
    try:
        waiting_for = coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    async with asyncio.timeout(limit_s):
        return cast(T, await _Rest(coroutine, waiting_for))


class _Rest:
    """A coroutine that was started by hand and now waits for its first future."""

    __slots__ = ("_coroutine", "_waiting_for")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waiting_for: Any) -> None:
        self._coroutine, self._waiting_for = coroutine, waiting_for

    def __await__(self) -> Generator[Any, Any, Any]:
        waiting_for = self._waiting_for
        try:
            while True:
                try:
                    sent = yield waiting_for
                except BaseException as error:
                    waiting_for = self._coroutine.throw(error)
                else:
                    waiting_for = self._coroutine.send(sent)
        except StopIteration as done:
            return done.value
