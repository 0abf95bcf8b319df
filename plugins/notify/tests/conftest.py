from __future__ import annotations

import pytest

from core.api import DriverError, Notice, Receipt, TenantView


class Carrier:
    """Stands in for the mail plugin's transport: fails as told, then takes the notice over."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.failures: list[Exception] = []

    async def deliver(self, tenant: TenantView, notice: Notice) -> Receipt:
        if self.failures:
            raise self.failures.pop(0)
        self.notices.append(notice)
        return Receipt("test")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr("plugins.email.services.deliver", made.deliver)
    return made


def away(text: str = "451 later") -> DriverError:
    return DriverError(text, retryable=True)


def refused(text: str = "550 no such user") -> DriverError:
    return DriverError(text, retryable=False)
