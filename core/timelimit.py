"""A time limit for each piece of some work, which costs nothing while nothing has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Watch:
    """The limit of the piece that runs now; whoever does the work sets ``piece`` before each.

    A piece that takes too long is cancelled where it waits. The work catches ``CancelledError``
    and asks ``overran`` whether that was meant for the piece or for all of it.
    """

    __slots__ = ("_armed", "_cancelling", "_expired", "_task", "_timer", "limit_s", "piece")

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.piece: object = None
        self._armed: object = None
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """The work waits: start the time of this piece, if it does not run yet."""
        if self._armed is self.piece:
            return
        self.disarm()
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling, self._armed = task, task.cancelling(), self.piece
        self._timer = asyncio.get_running_loop().call_later(self.limit_s, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def overran(self) -> bool:
        """Tell whether the cancellation that arrived is this watch's own, and take it back."""
        if not self._expired:
            return False
        self._expired, self._armed = False, None
        return self._task.uncancel() <= self._cancelling

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._armed = None
        if self._expired:
            # The piece ended in spite of its cancellation; the task must not remember it.
            self._expired = False
            self._task.uncancel()


async def watched(work: Coroutine[Any, Any, T], watch: Watch) -> T:
    """Run *work* under *watch*.

    Most hooks return without waiting for anything. Those never need a timer, so it is
    armed only when the work waits for the first time.
    """
    try:
        waiting_for = work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    return cast("T", await _Rest(work, waiting_for, watch))


async def within(limit_s: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*; raise ``TimeoutError`` when it waits beyond *limit_s* seconds."""
    watch = Watch(limit_s)
    watch.piece = coroutine

    async def work() -> T:
        try:
            return await coroutine
        except asyncio.CancelledError as error:
            if watch.overran():
                raise TimeoutError from error
            raise

    return await watched(work(), watch)


class _Rest:
    """A coroutine that was started by hand and now waits for its first future."""

    __slots__ = ("_coroutine", "_waiting_for", "_watch")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waiting_for: Any, watch: Watch) -> None:
        self._coroutine, self._waiting_for, self._watch = coroutine, waiting_for, watch

    def __await__(self) -> Generator[Any, Any, Any]:
        waiting_for, watch = self._waiting_for, self._watch
        try:
            while True:
                watch.arm()
                try:
                    sent = yield waiting_for
                except BaseException as error:
                    waiting_for = self._coroutine.throw(error)
                else:
                    waiting_for = self._coroutine.send(sent)
        except StopIteration as done:
            return done.value
        finally:
            watch.disarm()
