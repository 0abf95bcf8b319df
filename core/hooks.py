"""Hooks: how core asks the plugins of one tenant.

pluggy keeps the implementations, validates them and puts them in order.
This module adds what pluggy leaves out: dispatch to the plugins one tenant has enabled,
``await``, a time limit, who answered, and a failure policy written next to each specification.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, ParamSpec, TypeVar, cast

import pluggy

from core.errors import AppError, DriverError, PluginBroken
from core.timelimit import within

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
"""This many failures of one plugin without a success between them make it broken."""
DEFAULT_LIMIT_S: Final = 1.0


class Answer(NamedTuple, Generic[T]):
    """What one plugin returned."""

    plugin: str
    value: T


class Step(NamedTuple):
    """One implementation, ready to run."""

    hook: str
    plugin: str
    function: Callable[..., Coroutine[Any, Any, Any]]
    argnames: tuple[str, ...]
    limit_s: float
    report: Callable[[str, str, BaseException | None], None]

    async def run(self, kwargs: Mapping[str, Any]) -> Any:
        """Call the plugin. What it raises on purpose passes; the rest is ``PluginBroken``."""
        coroutine = self.function(*[kwargs[name] for name in self.argnames])
        try:
            return await within(self.limit_s, coroutine)
        except AppError:
            raise
        except Exception as error:
            self.report(self.plugin, self.hook, error)
            raise PluginBroken(plugin=self.plugin) from error


Kind = Callable[[Sequence[Step], dict[str, Any]], Awaitable[Any]]

# The five kinds of hook. Each is a decorator for specifications; the function below it
# is what happens when core calls such a hook.


def event(spec: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Tell every plugin. A plugin that fails is logged; the others still hear."""
    return _specify(spec, _event)


async def _event(steps: Sequence[Step], kwargs: dict[str, Any]) -> None:
    for hook, plugin, function, argnames, limit_s, report in steps:
        try:
            await within(limit_s, function(*[kwargs[name] for name in argnames]))
        except Exception as error:
            report(plugin, hook, error)


def collect(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[list[Answer[T]]]]:
    """Ask every plugin and keep what is not ``None``. A plugin that fails is skipped."""
    return _specify(spec, _collect)


async def _collect(steps: Sequence[Step], kwargs: dict[str, Any]) -> list[Answer[Any]]:
    answers = []
    for hook, plugin, function, argnames, limit_s, report in steps:
        try:
            value = await within(limit_s, function(*[kwargs[name] for name in argnames]))
        except Exception as error:
            report(plugin, hook, error)
        else:
            if value is not None:
                answers.append(Answer(plugin, value))
    return answers


def first(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[T | None]]:
    """Ask in order until a plugin answers. A plugin that fails is passed over.

    A ``DriverError`` is an answer too: the plugin works, but what it speaks to does not.
    """
    return _specify(spec, _first)


async def _first(steps: Sequence[Step], kwargs: dict[str, Any]) -> Any:
    for hook, plugin, function, argnames, limit_s, report in steps:
        try:
            value = await within(limit_s, function(*[kwargs[name] for name in argnames]))
        except DriverError:
            raise
        except Exception as error:
            report(plugin, hook, error)
        else:
            if value is not None:
                return value
    return None


def fold(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[T]]:
    """Pass the argument ``value`` along. ``None`` or a failure leaves it as it was."""
    return _specify(spec, _fold)


async def _fold(steps: Sequence[Step], kwargs: dict[str, Any]) -> Any:
    for hook, plugin, function, argnames, limit_s, report in steps:
        try:
            value = await within(limit_s, function(*[kwargs[name] for name in argnames]))
        except Exception as error:
            report(plugin, hook, error)
        else:
            if value is not None:
                kwargs["value"] = value
    return kwargs["value"]


def demand(spec: Callable[P, Awaitable[T | None]]) -> Callable[P, Awaitable[list[Answer[T]]]]:
    """Ask every plugin, and stop at the first that fails: the caller gets its error.

    For what must not be half done or waved through: admission, payment, erasure.
    """
    return _specify(spec, _demand)


async def _demand(steps: Sequence[Step], kwargs: dict[str, Any]) -> list[Answer[Any]]:
    answers = [(step.plugin, await step.run(kwargs)) for step in steps]
    return [Answer(plugin, value) for plugin, value in answers if value is not None]


KINDS: Final = (event, collect, first, fold, demand)


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
        run, steps = cast("Kind", spec.run), self._hooks.steps(name, self._enabled)

        async def call(**kwargs: Any) -> Any:
            return await run(steps, defaults | kwargs if defaults else kwargs)

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
        self._failures: dict[str, int] = {}
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

    def failed(self, plugin: str, hook: str, error: BaseException | None) -> None:
        """Log one failure; after ``FAILURES_TO_BREAK`` without a repair the plugin is broken."""
        log.error("plugin %s failed in hook %s", plugin, hook, exc_info=error)
        count = self._failures[plugin] = self._failures.get(plugin, 0) + 1
        if count >= FAILURES_TO_BREAK and plugin not in self.broken:
            self.mark_broken(plugin, f"failed {count} times, last in {hook}: {error!r}"[:300])

    def mark_broken(self, plugin: str, why: str) -> None:
        log.critical("plugin %s is out of order: %s", plugin, why)
        self.broken[plugin] = why
        self._narrowed.clear()

    def repair(self, plugin: str) -> None:
        """Give the plugin another chance: an operator switched it off or asked for it."""
        self._failures.pop(plugin, None)
        if self.broken.pop(plugin, None) is not None:
            self._narrowed.clear()


def _refuses(plugin: str) -> Callable[[], Coroutine[Any, Any, None]]:
    async def refuse() -> None:
        raise PluginBroken(plugin=plugin)

    return refuse
