from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from core.drivers import DriverError
from core.errors import PluginBroken, Refused
from core.hooks import (
    FAILURES_TO_BREAK,
    Answer,
    Hooks,
    collect,
    demand,
    event,
    first,
    fold,
    hookimpl,
    limit,
)

pytestmark = pytest.mark.filterwarnings("error")


class Specs:
    @event
    @limit(0.05)
    async def told(self, what: str) -> None: ...

    @collect
    @limit(0.05)
    async def gathered(self, what: str, loud: bool = False) -> str | None: ...

    @collect
    @limit(1.0)
    async def pondered(self, what: str) -> str | None: ...

    @first
    @limit(0.05)
    async def asked(self, what: str) -> str | None: ...

    @fold
    @limit(0.05)
    async def changed(self, value: str, what: str) -> str | None: ...

    @demand
    @limit(0.05)
    async def allowed(self, what: str) -> str | None: ...


class Good:
    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[str] = []

    @hookimpl
    async def told(self, what: str) -> None:
        self.heard.append(what)

    @hookimpl
    async def gathered(self, what: str, loud: bool) -> str | None:
        return f"{self.name}:{what}" + "!" * loud

    @hookimpl
    async def asked(self) -> str | None:
        return self.name

    @hookimpl
    async def changed(self, value: str) -> str | None:
        await asyncio.sleep(0)
        return f"{value}+{self.name}"

    @hookimpl
    async def allowed(self, what: str) -> str | None:
        return None


class Bad:
    """Answers nothing, or does what it was made to do."""

    def __init__(self, error: BaseException | None = None, hang: bool = False) -> None:
        self.error, self.hang = error, hang
        self.cancelled = False

    async def act(self) -> None:
        if self.hang:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if self.error is not None:
            raise self.error

    @hookimpl
    async def told(self, what: str) -> None:
        await self.act()

    @hookimpl
    async def gathered(self, what: str) -> str | None:
        return await self.act()

    @hookimpl
    async def asked(self, what: str) -> str | None:
        return await self.act()

    @hookimpl
    async def changed(self, value: str, what: str) -> str | None:
        return await self.act()

    @hookimpl
    async def allowed(self, what: str) -> str | None:
        return await self.act()


def made(**plugins: object) -> Hooks:
    """Ask from left to right: pluggy asks the last registered first."""
    hooks = Hooks(Specs)
    for name, plugin in reversed(plugins.items()):
        hooks.register(name, plugin)
    return hooks


def everyone(hooks: Hooks) -> Any:
    return hooks.everyone


ALL = frozenset({"a", "b", "bad"})


@pytest.mark.serves("X3")
async def test_only_the_plugins_of_the_tenant_are_asked() -> None:
    hooks = made(a=Good("a"), b=Good("b"))
    of_a: Any = hooks.of(frozenset({"a"}))
    assert await of_a.gathered(what="x") == [Answer("a", "a:x")]
    assert await everyone(hooks).gathered(what="x") == [Answer("a", "a:x"), Answer("b", "b:x")]
    assert hooks.of(frozenset({"a"})) is of_a


@pytest.mark.serves("R-21")
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Bad(RuntimeError("broken")), id="raises"),
        pytest.param(Bad(hang=True), id="hangs"),
    ],
)
async def test_who_fails_is_passed_over_and_the_others_are_asked(bad: Bad) -> None:
    b = Good("b")
    hooks: Any = made(bad=bad, b=b).of(ALL)
    assert await hooks.gathered(what="x", loud=True) == [Answer("b", "b:x!")]
    assert await hooks.asked(what="x") == "b"
    assert await hooks.changed(value="v", what="x") == "v+b"
    await hooks.told(what="x")
    assert b.heard == ["x"]
    assert bad.cancelled == bad.hang
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_demand_fails_closed() -> None:
    for bad, error in (
        (Bad(RuntimeError("broken")), PluginBroken),
        (Bad(hang=True), PluginBroken),
        (Bad(Refused()), Refused),
    ):
        hooks: Any = made(bad=bad, b=Good("b")).of(ALL)
        with pytest.raises(error):
            await hooks.allowed(what="x")


async def test_a_driver_that_cannot_deliver_is_an_answer_of_first() -> None:
    hooks: Any = made(bad=Bad(DriverError("away", retryable=True)), b=Good("b")).of(ALL)
    with pytest.raises(DriverError):
        await hooks.asked(what="x")


async def test_a_caller_who_is_cancelled_is_cancelled() -> None:
    bad = Bad(hang=True)
    hooks: Any = made(bad=bad, b=Good("b")).of(ALL)
    task = asyncio.create_task(hooks.told(what="x"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bad.cancelled


async def test_the_limit_counts_for_each_plugin_alone() -> None:
    class Slow(Good):
        @hookimpl
        async def pondered(self, what: str) -> str | None:
            await asyncio.sleep(0.4)
            return what

    hooks: Any = made(a=Slow("a"), b=Slow("b"), bad=Slow("bad")).of(ALL)
    assert len(await hooks.pondered(what="x")) == 3


async def test_a_plugin_that_answers_in_spite_of_the_cancellation_leaves_no_trace() -> None:
    class Stubborn(Good):
        @hookimpl
        async def gathered(self, what: str) -> str | None:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                return "late"
            return None

    hooks: Any = made(a=Stubborn("a"), b=Good("b")).of(ALL)
    assert await hooks.gathered(what="x") == [Answer("a", "late"), Answer("b", "b:x")]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_limit_around_the_call_still_works() -> None:
    hooks: Any = made(a=Good("a"), bad=Bad(hang=True)).of(ALL)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await hooks.told(what="x")


async def test_nobody_asked_is_no_error() -> None:
    hooks: Any = made(a=Good("a")).of(frozenset())
    assert await hooks.told(what="x") is None
    assert await hooks.gathered(what="x") == []
    assert await hooks.asked(what="x") is None
    assert await hooks.changed(value="v", what="x") == "v"
    assert await hooks.allowed(what="x") == []


@pytest.mark.serves("R-21")
async def test_who_keeps_failing_is_taken_out_until_repaired(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooks = made(bad=Bad(RuntimeError("broken")), b=Good("b"))
    with caplog.at_level(logging.CRITICAL):
        for _ in range(FAILURES_TO_BREAK):
            await everyone(hooks).told(what="x")
    assert "bad" in hooks.broken
    before = len(caplog.records)
    await everyone(hooks).told(what="x")
    assert len(caplog.records) == before
    with pytest.raises(PluginBroken):
        await everyone(hooks).allowed(what="x")

    hooks.repair("bad")
    assert hooks.broken == {}
    assert "bad" in [step.plugin for step in hooks.steps("told", ALL)]


async def test_failures_with_successes_between_them_break_nothing() -> None:
    class Moody:
        good = False

        @hookimpl
        async def told(self, what: str) -> None:
            self.good = not self.good
            if not self.good:
                raise RuntimeError("not now")

        @hookimpl
        async def asked(self, what: str) -> str:
            return "fine"

    hooks = made(moody=Moody(), bad=Bad(RuntimeError("broken")))
    asking = hooks.of(frozenset({"moody"}))
    for _ in range(3 * FAILURES_TO_BREAK):
        await asking.told(what="x")
    assert hooks.broken == {}


async def test_a_success_in_one_hook_does_not_hide_failures_in_another() -> None:
    class Half(Good):
        @hookimpl
        async def told(self, what: str) -> None:
            raise RuntimeError("never")

    hooks = made(half=Half("half"))
    asking = hooks.of(frozenset({"half"}))
    for _ in range(FAILURES_TO_BREAK):
        await asking.told(what="x")
        await asking.asked(what="x")
    assert "half" in hooks.broken


async def test_a_guard_that_could_not_be_loaded_refuses() -> None:
    hooks = made(a=Good("a"))
    hooks.mark_broken("bad", "could not be loaded")
    tenant: Any = hooks.of(ALL)
    with pytest.raises(PluginBroken):
        await tenant.allowed(what="x")
    assert await tenant.asked(what="x") == "a"


def test_what_could_only_fail_in_a_call_is_refused_at_registration() -> None:
    class Sync:
        @hookimpl
        def told(self, what: str) -> None: ...

    class Misspelt:
        @hookimpl
        async def tlod(self, what: str) -> None: ...

    class Unknown:
        @hookimpl
        async def told(self, whta: str) -> None: ...

    with pytest.raises(TypeError, match="async def"):
        made(a=Sync())
    for plugin in (Misspelt(), Unknown()):
        with pytest.raises(Exception, match=r"tlod|whta"):
            made(a=plugin)


async def test_a_hook_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="tlod"):
        await everyone(made(a=Good("a"))).tlod(what="x")
