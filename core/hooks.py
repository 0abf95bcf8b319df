"""Hooks: how core asks the plugins of one tenant.

pluggy keeps the implementations, validates them and puts them in order.
This module adds what pluggy leaves out: dispatch to the plugins one tenant has enabled,
``await``, a time limit, who answered, and a failure policy written next to each specification.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, ParamSpec, TypeVar, cast

import pluggy

from core.errors import AppError, DriverError, PluginBroken
from core.timelimit import Watch, watched

if TYPE_CHECKING:
    from core.hookspecs import AllHooks
else:
    AllHooks = object

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
_mark = pluggy.HookspecMarker("core")
hookimpl = pluggy.HookimplMarker("core")

FAILURES_TO_BREAK: Final = 10
"""This many failures of a plugin in one hook without a success between them make it broken."""
DEFAULT_LIMIT_S: Final = 1.0
Failing = dict[tuple[str, str], int]
"""Plugin and hook -> failures since the last success."""


class Answer(NamedTuple, Generic[T]):
    """What one plugin returned."""

    plugin: str
    value: T


class Step(NamedTuple):
    """One implementation, ready to run."""

    hook: str
    plugin: str
    function: Callable[..., Awaitable[Any]]
    argnames: tuple[str, ...]
    limit_s: float
    report: Callable[[str, str, BaseException | None], None]


class Round(Watch):
    """One asking of a hook: whom, in which order, with which arguments.

    ``calls`` names for each plugin which of the tuples in ``args`` it takes: plugins may leave
    arguments out, and most leave out the same. Nothing is made per plugin, as that would cost
    more than most of them do.
    """

    __slots__ = ("args", "calls", "failing", "hook", "kwargs", "report", "shapes")

    def __init__(self, plan: Plan, kwargs: dict[str, Any]) -> None:
        super().__init__(plan.limit_s)
        self.hook, self.calls, self.shapes, self.report = (
            plan.hook,
            plan.calls,
            plan.shapes,
            plan.report,
        )
        self.failing = plan.failing
        self.kwargs = kwargs
        self.fill()

    def fill(self) -> None:
        kwargs = self.kwargs
        self.args = [tuple([kwargs[name] for name in shape]) for shape in self.shapes]

    def failed(self, plugin: str, error: BaseException) -> None:
        """Report what a plugin raised; pass on a cancellation that was not for it alone."""
        if isinstance(error, asyncio.CancelledError):
            if not self.overran():
                raise error
            error = TimeoutError(f"took longer than {self.limit_s:g} s")
        elif not isinstance(error, Exception):
            raise error
        self.report(plugin, self.hook, error)

    def worked(self, plugin: str) -> None:
        """Forget former failures. Asked only while there are ``failing`` ones."""
        self.failing.pop((plugin, self.hook), None)


class Plan(NamedTuple):
    """What is the same each time a hook is asked of the same plugins."""

    hook: str
    calls: tuple[tuple[str, Callable[..., Awaitable[Any]], int], ...]
    shapes: tuple[tuple[str, ...], ...]
    limit_s: float
    report: Callable[[str, str, BaseException | None], None]
    failing: Failing


def _planned(steps: Sequence[Step], failing: Failing) -> Plan | None:
    if not steps:
        return None
    shapes = tuple(dict.fromkeys(step.argnames for step in steps))
    calls = tuple((step.plugin, step.function, shapes.index(step.argnames)) for step in steps)
    return Plan(steps[0].hook, calls, shapes, steps[0].limit_s, steps[0].report, failing)


Kind = Callable[[Round], Coroutine[Any, Any, Any]]

# The five kinds of hook. Each is a decorator for specifications; the function below it
# is what happens when core calls such a hook.


def event(spec: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Tell every plugin. A plugin that fails is logged; the others still hear."""
    return _specify(spec, _event)


async def _event(asked: Round) -> None:
    args, failing = asked.args, asked.failing
    for plugin, function, shape in asked.calls:
        asked.piece = plugin
        try:
            await function(*args[shape])
        except BaseException as error:
            asked.failed(plugin, error)
        else:
            if failing:
                asked.worked(plugin)


def collect(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[list[Answer[T]]]]:
    """Ask every plugin and keep what is not ``None``. A plugin that fails is skipped."""
    return _specify(spec, _collect)


async def _collect(asked: Round) -> list[Answer[Any]]:
    answers = []
    args, failing = asked.args, asked.failing
    for plugin, function, shape in asked.calls:
        asked.piece = plugin
        try:
            value = await function(*args[shape])
        except BaseException as error:
            asked.failed(plugin, error)
        else:
            if failing:
                asked.worked(plugin)
            if value is not None:
                answers.append(Answer(plugin, value))
    return answers


def first(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[T | None]]:
    """Ask in order until a plugin answers. A plugin that fails is passed over.

    A ``DriverError`` is an answer too: the plugin works, but what it speaks to does not.
    """
    return _specify(spec, _first)


async def _first(asked: Round) -> Any:
    failing = asked.failing
    for plugin, function, shape in asked.calls:
        asked.piece = plugin
        try:
            value = await function(*asked.args[shape])
        except DriverError:
            raise
        except BaseException as error:
            asked.failed(plugin, error)
        else:
            if failing:
                asked.worked(plugin)
            if value is not None:
                return value
    return None


def fold(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[T]]:
    """Pass the argument ``value`` along. ``None`` or a failure leaves it as it was."""
    return _specify(spec, _fold)


async def _fold(asked: Round) -> Any:
    failing = asked.failing
    for plugin, function, shape in asked.calls:
        asked.piece = plugin
        try:
            value = await function(*asked.args[shape])
        except BaseException as error:
            asked.failed(plugin, error)
        else:
            if failing:
                asked.worked(plugin)
            if value is not None and value is not asked.kwargs["value"]:
                asked.kwargs["value"] = value
                asked.fill()
    return asked.kwargs["value"]


def demand(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[list[Answer[T]]]]:
    """Ask every plugin, and stop at the first that fails: the caller gets its error.

    For what must not be half done or waved through: admission, payment, erasure.
    """
    return _specify(spec, _demand)


async def _demand(asked: Round) -> list[Answer[Any]]:
    """What a plugin raises on purpose passes; the rest is ``PluginBroken``."""
    answers, failing = [], asked.failing
    for plugin, function, shape in asked.calls:
        asked.piece = plugin
        try:
            value = await function(*asked.args[shape])
        except AppError:
            raise
        except BaseException as error:
            asked.failed(plugin, error)
            raise PluginBroken(plugin=plugin) from error
        if failing:
            asked.worked(plugin)
        if value is not None:
            answers.append(Answer(plugin, value))
    return answers


KINDS: Final = (event, collect, first, fold, demand)
_EMPTY: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "event": lambda _: None,
    "collect": lambda _: [],
    "first": lambda _: None,
    "fold": lambda kwargs: kwargs["value"],
    "demand": lambda _: [],
}
"""What a hook answers when nobody is asked."""


def _specify(spec: Callable[P, Any], run: Kind) -> Callable[P, Awaitable[Any]]:
    facts: Any = spec
    facts.run, facts.kind = run, run.__name__.removeprefix("_")
    facts.limit_s = getattr(facts, "limit_s", DEFAULT_LIMIT_S)
    return _mark(spec)


def limit(seconds: float) -> Callable[[T], T]:
    """State how long one plugin may take in this hook; stands below the kind."""

    def state(spec: T) -> T:
        spec.limit_s = seconds  # type: ignore[attr-defined]
        return spec

    return state


class TenantHooks(AllHooks):
    """The hooks as one set of enabled plugins sees them: ``await hooks.session_opened(…)``.

    Tenants on the same plan have the same set, so they share an instance and the
    step lists compiled in it.
    """

    def __init__(self, hooks: Hooks, enabled: frozenset[str]) -> None:
        self._hooks, self._enabled = hooks, enabled

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        spec = self._hooks.specs.get(name)
        if spec is None:
            raise AttributeError(f"there is no hook {name!r}")
        defaults = {
            parameter.name: parameter.default
            for parameter in inspect.signature(spec).parameters.values()
            if parameter.default is not parameter.empty
        }
        run, plan = cast("Kind", spec.run), self._hooks.plan(name, self._enabled)
        empty = _EMPTY[spec.kind]

        async def call(**kwargs: Any) -> Any:
            if plan is None:
                return empty(kwargs)
            asked = Round(plan, defaults | kwargs if defaults else kwargs)
            return await watched(run(asked), asked)

        traced = _traced(name, call) if os.environ.get("OFFHOOK_TRACE_HOOKS") else call
        self.__dict__[name] = traced
        return traced


def _traced(name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def timed(**kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(**kwargs)
        finally:
            log.info("hook %s took %.2f ms", name, (time.perf_counter() - began) * 1000)

    return timed


class Hooks:
    """The hooks of every installed plugin; ``of(enabled)`` narrows them to one tenant."""

    def __init__(self, *spec_classes: type) -> None:
        self.manager = pluggy.PluginManager("core")
        self.specs: dict[str, Any] = {}
        for spec_class in spec_classes:
            self.manager.add_hookspecs(spec_class)
            self.specs |= {n: f for n, f in vars(spec_class).items() if hasattr(f, "run")}
        self.broken: dict[str, str] = {}
        """Plugins out of order, with the reason for the operator."""
        self._failing: Failing = {}
        self._narrowed: dict[frozenset[str], TenantHooks] = {}

    def register(self, name: str, plugin: object) -> None:
        """Add *plugin*; refuse now what could otherwise only fail during a call."""
        self.manager.register(plugin, name)
        self.manager.check_pending()
        for caller in self.manager.get_hookcallers(plugin) or ():
            for impl in caller.get_hookimpls():
                if impl.plugin is plugin and not inspect.iscoroutinefunction(impl.function):
                    raise TypeError(f"{name}.{caller.name} must be 'async def'")
        self._narrowed.clear()

    def of(self, enabled: frozenset[str]) -> TenantHooks:
        """Narrow to the plugins in *enabled*; equal sets share one object."""
        try:
            return self._narrowed[enabled]
        except KeyError:
            return self._narrowed.setdefault(enabled, TenantHooks(self, enabled))

    @property
    def everyone(self) -> TenantHooks:
        """All installed plugins, enabled or not: for erasure, health and shutdown."""
        return self.of(frozenset(name for name, _ in self.manager.list_name_plugin()))

    def steps(self, name: str, enabled: frozenset[str]) -> tuple[Step, ...]:
        """Return the implementations of a hook in the order pluggy would call them.

        A broken plugin is left out, but of a ``demand``: there it stays, and refuses.
        """
        spec = self.specs[name]
        steps = []
        for impl in reversed(getattr(self.manager.hook, name).get_hookimpls()):
            plugin = impl.plugin_name
            if plugin not in enabled:
                continue
            function = cast("Any", impl.function)
            if plugin in self.broken:
                if spec.kind != "demand":
                    continue
                function = _refuses(plugin)
            argnames = impl.argnames if plugin not in self.broken else ()
            steps.append(Step(name, plugin, function, argnames, spec.limit_s, self.failed))
        if spec.kind == "demand":
            unloaded = enabled & self.broken.keys() - dict(self.manager.list_name_plugin()).keys()
            steps += [
                Step(name, plugin, _refuses(plugin), (), spec.limit_s, self.failed)
                for plugin in sorted(unloaded)
            ]
        return tuple(steps)

    def plan(self, name: str, enabled: frozenset[str]) -> Plan | None:
        return _planned(self.steps(name, enabled), self._failing)

    def failed(self, plugin: str, hook: str, error: BaseException | None) -> None:
        """Log one failure; after ``FAILURES_TO_BREAK`` in a row the plugin is broken."""
        log.error("plugin %s failed in hook %s", plugin, hook, exc_info=error)
        count = self._failing[plugin, hook] = self._failing.get((plugin, hook), 0) + 1
        if count >= FAILURES_TO_BREAK and plugin not in self.broken:
            self.mark_broken(plugin, f"failed {count} times, last in {hook}: {error!r}"[:300])

    def mark_broken(self, plugin: str, why: str) -> None:
        log.critical("plugin %s is out of order: %s", plugin, why)
        self.broken[plugin] = why
        self._narrowed.clear()

    def repair(self, plugin: str) -> None:
        """Give the plugin another chance: an operator switched it off or asked for it."""
        for key in [key for key in self._failing if key[0] == plugin]:
            del self._failing[key]
        if self.broken.pop(plugin, None) is not None:
            self._narrowed.clear()


def _refuses(plugin: str) -> Callable[[], Coroutine[Any, Any, None]]:
    async def refuse() -> None:
        raise PluginBroken(plugin=plugin)

    return refuse
