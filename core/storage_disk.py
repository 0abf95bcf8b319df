"""Files on a local disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

from core.drivers import DriverError
from core.storage import NoSuchBytes, Storage, Stored

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE: Final = 256 * 1024


class DiskStorage(Storage):
    """Keeps each file below ``settings["root"]``; follows no symbolic link on the way to it."""

    async def _put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        file = await asyncio.to_thread(self._begin, key)
        try:
            async for chunk in _gathered(chunks):
                await asyncio.to_thread(file.write, chunk)
            return await asyncio.to_thread(file.keep)
        finally:
            await asyncio.shield(asyncio.to_thread(file.drop))

    def _begin(self, key: str) -> _NewFile:
        with _as_driver_errors():
            return _NewFile(self._folder(key, make=True), key.rpartition("/")[2])

    async def _get(self, key: str, start: int) -> AsyncIterator[bytes]:
        return _pieces(await asyncio.to_thread(self._open, key, start))

    def _open(self, key: str, start: int) -> FileIO:
        with _as_driver_errors():
            folder = self._folder(key, make=False)
            try:
                name = key.rpartition("/")[2]
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                file = FileIO(os.open(name, flags, dir_fd=folder))
            finally:
                os.close(folder)
            file.seek(start)
            return file

    async def _delete(self, key: str) -> None:
        await asyncio.to_thread(self._unlink, key)

    def _unlink(self, key: str) -> None:
        try:
            with _as_driver_errors():
                folder = self._folder(key, make=False)
                try:
                    os.unlink(key.rpartition("/")[2], dir_fd=folder)
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except NoSuchBytes:
            return

    def _folder(self, key: str, *, make: bool) -> int:
        """Return a descriptor of the folder, reached step by step so that no link is followed."""
        root = Path(self.settings["root"])
        if make:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(root, _FOLDER)
        for name in key.split("/")[:-1]:
            try:
                if make:
                    _make_folder(name, folder)
                inner = os.open(name, _FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        return folder


class _NewFile:
    """A file that has no name others look for until all of it is on the disk."""

    def __init__(self, folder: int, name: str) -> None:
        self._folder, self._name, self._part = folder, name, f".{name}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._part, flags, 0o600, dir_fd=folder)
        except OSError:
            os.close(folder)
            raise
        self._hash, self._size = hashlib.sha256(), 0
        self._busy = threading.Lock()
        """A cancelled task leaves its thread writing; dropping must wait for that."""

    def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size += len(chunk)
        rest = memoryview(chunk)
        with self._busy, _as_driver_errors():
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def keep(self) -> Stored:
        with self._busy, _as_driver_errors():
            os.fsync(self._descriptor)
            # A link, as a rename would silently replace a file of that name.
            os.link(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.unlink(self._part, dir_fd=self._folder)
            os.fsync(self._folder)
        return Stored(self._size, self._hash.hexdigest())

    def drop(self) -> None:
        """Let go; an unfinished file is removed."""
        with self._busy:
            try:
                os.unlink(self._part, dir_fd=self._folder)
            except FileNotFoundError:
                return
            finally:
                os.close(self._descriptor)
                os.close(self._folder)


def _make_folder(name: str, within: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=within)
    except FileExistsError:
        return
    os.fsync(within)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join small chunks: each write costs a trip to a thread."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _PIECE:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _pieces(file: FileIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


@contextmanager
def _as_driver_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NoSuchBytes from error
    except OSError as error:
        lasting = error.errno in {errno.EEXIST, errno.ELOOP, errno.ENOTDIR}
        raise DriverError(f"the disk refused: {error.strerror}", retryable=not lasting) from error
