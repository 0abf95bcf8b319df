"""A driver of a kind that core defines: files in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from core.api import DriverError, NoSuchBytes, Storage, Stored


class MemoryStorage(Storage):
    """Forgets everything with the process. ``settings`` is not read."""

    def __init__(self, *args: object) -> None:
        super().__init__({})
        self._files: dict[str, bytes] = {}

    async def _put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        data = b"".join([chunk async for chunk in chunks])
        if key in self._files:
            raise DriverError("this key is in use", retryable=False)
        self._files[key] = data
        return Stored(len(data), hashlib.sha256(data).hexdigest())

    async def _get(self, key: str, start: int) -> AsyncIterator[bytes]:
        if key not in self._files:
            raise NoSuchBytes
        return _pieces(self._files[key][start:])

    async def _delete(self, key: str) -> None:
        self._files.pop(key, None)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
