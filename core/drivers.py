"""Drivers: the exchangeable ends of a plugin, loaded by name with stevedore."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

from stevedore import DriverManager
from stevedore.exception import NoMatches

from core.errors import AppError
from core.errors import DriverError as DriverError

log = logging.getLogger(__name__)
T = TypeVar("T")


class UnknownDriver(AppError):
    status = 400
    code = "unknown-driver"
    message = "There is no driver {name} here."


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to keep trying. Defaults suit a request that a person waits for."""

    attempts: int = 3
    pause_s: float = 0.5
    """Seconds before the second attempt; doubles each time."""
    timeout_s: float = 10.0
    """Seconds one attempt may take."""


ONCE = Retry(attempts=1)


class Driver(ABC):
    """Base of all drivers. A subclass is one kind of driver and names its group."""

    group: ClassVar[str]

    def __init__(self, settings: Mapping[str, Any], retry: Retry | None = None) -> None:
        self.settings = settings
        self.retry = retry or Retry()

    async def attempt(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run *action* under the retry policy; the public methods of a kind use this.

        A timeout is not retried: nobody knows whether the other side acted.
        """
        pause = self.retry.pause_s
        for left in reversed(range(self.retry.attempts)):
            try:
                async with asyncio.timeout(self.retry.timeout_s):
                    return await action()
            except TimeoutError as error:
                raise DriverError("no answer in time", retryable=False) from error
            except DriverError as error:
                if not (left and error.retryable):
                    raise
                log.warning("%s: %s; again in %.1f s", type(self).__name__, error, pause)
                await asyncio.sleep(pause)
                pause *= 2
        raise AssertionError("unreachable")


D = TypeVar("D", bound=Driver)


def available(kind: type[Driver]) -> list[str]:
    """Return the names of the installed drivers of *kind*."""
    return sorted({point.name for point in entry_points(group=kind.group)})


def load(kind: type[D], name: str, settings: Mapping[str, Any], retry: Retry | None = None) -> D:
    """Return the driver *name* of *kind*, configured with *settings*."""
    try:
        manager: DriverManager[D] = DriverManager(
            kind.group, name, invoke_on_load=True, invoke_args=(settings, retry)
        )
    except NoMatches as error:
        raise UnknownDriver(name=name) from error
    driver = manager.driver
    if not isinstance(driver, kind):
        raise TypeError(f"{name} is not a {kind.__name__}")
    return driver
