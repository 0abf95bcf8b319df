"""The services of the running application, found without passing them through every call.

One application object owns one set. It is bound in the context of each request, socket and
job, so two applications in one process (as in tests) never see each other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

T = TypeVar("T")
_services: ContextVar[dict[type, Any] | None] = ContextVar("offhook_services", default=None)


class NoApplication(RuntimeError):
    """Code that needs the application ran outside of one."""


def service(kind: type[T]) -> T:
    """Return the running application's instance of *kind*."""
    services = _services.get()
    if services is None or kind not in services:
        raise NoApplication(f"no {kind.__name__} is running in this context")
    return cast(T, services[kind])


class Services(dict[type, Any]):
    """The set one application owns."""

    def add(self, instance: T, kind: type[T] | None = None) -> T:
        self[kind or type(instance)] = instance
        return instance

    @contextmanager
    def bound(self) -> Iterator[None]:
        token = _services.set(self)
        try:
            yield
        finally:
            _services.reset(token)

    def enter(self) -> None:
        """Bind for the rest of the current context; for ``contextvars.Context.run``."""
        _services.set(self)
