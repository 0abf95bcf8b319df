from __future__ import annotations

import asyncio

import pytest

from core.drivers import ONCE, Driver, DriverError, Retry, UnknownDriver, available, load
from core.storage import Storage
from core.storage_disk import DiskStorage

QUICK = Retry(attempts=3, pause_s=0.001, timeout_s=0.05)


class Toy(Driver):
    group = "offhook.tests.toys"

    def __init__(self, *answers: object, retry: Retry = QUICK) -> None:
        super().__init__({}, retry)
        self.answers = list(answers)
        self.asked = 0

    async def ask(self) -> object:
        return await self.attempt(self._ask)

    async def _ask(self) -> object:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.sleep(5)
        return answer


AWAY = DriverError("away", retryable=True)
NEVER = DriverError("never", retryable=False)


async def test_what_may_work_later_is_tried_again() -> None:
    toy = Toy(AWAY, AWAY, "done")
    assert await toy.ask() == "done"
    assert toy.asked == 3


@pytest.mark.parametrize(
    ("toy", "asked"),
    [
        pytest.param(Toy(AWAY, AWAY, AWAY, "too late"), 3, id="tries are used up"),
        pytest.param(Toy(NEVER, "no"), 1, id="it would never work"),
        pytest.param(Toy(AWAY, "no", retry=ONCE), 1, id="once"),
        pytest.param(Toy(None, "no"), 1, id="nobody knows whether it happened"),
    ],
)
async def test_it_ends(toy: Toy, asked: int) -> None:
    with pytest.raises(DriverError):
        await toy.ask()
    assert toy.asked == asked


def test_a_driver_is_found_by_name() -> None:
    assert "disk" in available(Storage)  # type: ignore[type-abstract]
    driver = load(Storage, "disk", {"root": "x"})  # type: ignore[type-abstract]
    assert isinstance(driver, DiskStorage)
    assert driver.settings == {"root": "x"}


def test_an_unknown_driver_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownDriver):
        load(Storage, "tape", {})  # type: ignore[type-abstract]
