"""The conformance suite of storage drivers.

A driver's tests inherit it and say how to make one::

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self, tmp_path):
            return MyStorage({...})
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from core.drivers import DriverError
from core.storage import BadKey, NoSuchBytes, Storage, new_key


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(storage: Storage, key: str, start: int = 0) -> bytes:
    return b"".join([piece async for piece in await storage.get(key, start)])


class Broken(Exception):
    """The sender goes away in the middle."""


class StorageContract:
    @pytest.fixture
    def storage(self) -> Storage:
        raise NotImplementedError("return the driver to test")

    async def test_what_was_stored_comes_back(self, storage: Storage) -> None:
        key, data = new_key(1), os.urandom(700_001)
        stored = await storage.put(key, chunks(data[:10], data[10:400_000], data[400_000:]))
        assert stored.size == len(data)
        assert stored.sha256 == hashlib.sha256(data).hexdigest()
        assert await read(storage, key) == data

    async def test_reading_can_begin_anywhere(self, storage: Storage) -> None:
        key = new_key(1)
        await storage.put(key, chunks(b"0123456789"))
        assert await read(storage, key, 4) == b"456789"
        assert await read(storage, key, 10) == b""

    async def test_nothing_stays_of_a_sender_who_goes_away(self, storage: Storage) -> None:
        async def half() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            raise Broken

        key = new_key(1)
        with pytest.raises(Broken):
            await storage.put(key, half())
        with pytest.raises(NoSuchBytes):
            await storage.get(key)
        await storage.put(key, chunks(b"second try"))
        assert await read(storage, key) == b"second try"

    async def test_nothing_stays_of_a_cancelled_upload(self, storage: Storage) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 300_000
                await asyncio.sleep(0)

        key = new_key(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await storage.put(key, endless())
        with pytest.raises(NoSuchBytes):
            await storage.get(key)

    async def test_a_key_is_used_once(self, storage: Storage) -> None:
        key = new_key(1)
        await storage.put(key, chunks(b"first"))
        with pytest.raises(DriverError):
            await storage.put(key, chunks(b"second"))
        assert await read(storage, key) == b"first"

    async def test_deleting_is_harmless_to_repeat(self, storage: Storage) -> None:
        key = new_key(1)
        await storage.put(key, chunks(b"data"))
        await storage.delete(key)
        await storage.delete(key)
        with pytest.raises(NoSuchBytes):
            await storage.get(key)

    @pytest.mark.parametrize(
        "key",
        [
            "../../etc/passwd",
            "1/2026/01/../../../x",
            "/etc/passwd",
            "1/2026/01/name.txt",
            "",
            "1/2026/01/" + "0" * 36,
            new_key(1) + "\n",
            new_key(1) + "/x",
            "0/2026/01/" + new_key(1)[-36:],
        ],
    )
    async def test_a_key_that_is_not_ours_is_refused(self, storage: Storage, key: str) -> None:
        with pytest.raises(BadKey):
            await storage.put(key, chunks(b"data"))
        with pytest.raises(BadKey):
            await storage.get(key)
        with pytest.raises(BadKey):
            await storage.delete(key)
