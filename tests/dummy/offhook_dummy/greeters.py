"""A kind of driver that belongs to a plugin, and one driver of it."""

from __future__ import annotations

from abc import abstractmethod

from core.api import Driver


class Greeter(Driver):
    """A way to greet. Implement ``_greet`` only; it makes one attempt."""

    group = "offhook.dummy.greeters"

    async def greet(self, name: str) -> str:
        return await self.attempt(lambda: self._greet(name))

    @abstractmethod
    async def _greet(self, name: str) -> str: ...


class PlainGreeter(Greeter):
    async def _greet(self, name: str) -> str:
        return f"{self.settings['greeting']}, {name}"
