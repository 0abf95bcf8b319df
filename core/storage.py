"""Where the bytes of files rest. The driver is chosen by the operator; the keys are ours."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final
from uuid import uuid4

from core.config import Config
from core.current import service
from core.drivers import Driver, DriverError, load

_KEY: Final = re.compile(r"[1-9]\d{0,9}/\d{4}/\d{2}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Stored:
    """What was written. ``size`` in bytes; ``sha256`` in hex."""

    size: int
    sha256: str


class BadKey(DriverError):
    """A key we did not make: it might lead out of the storage."""

    def __init__(self) -> None:
        super().__init__("not a key of this storage", retryable=False)


class NoSuchBytes(DriverError):
    def __init__(self) -> None:
        super().__init__("nothing is stored under this key", retryable=False)


class Storage(Driver):
    """A place for files.

    Implement the methods with an underscore. They get keys made by ``new_key``, and report
    trouble as ``DriverError``: ``retryable=True`` when the place is full or away.
    """

    group: ClassVar[str] = "offhook.core.storage"

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Store everything or nothing; when it returns, the bytes survive a power cut.

        Refuses a key that is in use. What *chunks* raises passes through.
        """
        return await self._put(_checked(key), chunks)

    async def get(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        """Return the bytes from *start* on, in pieces; ``NoSuchBytes`` is raised before the first.

        Iterate to the end or call ``aclose``.
        """
        return await self._get(_checked(key), start)

    async def delete(self, key: str) -> None:
        """Remove the bytes; done already is fine."""
        await self._delete(_checked(key))

    @abstractmethod
    async def _put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored: ...

    @abstractmethod
    async def _get(self, key: str, start: int) -> AsyncIterator[bytes]: ...

    @abstractmethod
    async def _delete(self, key: str) -> None: ...


def new_key(tenant_id: int) -> str:
    """Return an unused key. Nothing a sender says becomes part of it."""
    return f"{tenant_id}/{datetime.now(UTC):%Y/%m}/{uuid4()}"


def storage() -> Storage:
    """Return the running application's storage."""
    return service(Storage)  # type: ignore[type-abstract]


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadKey
    return key


def open_storage(config: Config) -> Storage:
    """Return the storage of this installation: files on disk, in ``data_dir``."""
    settings = {"root": str(config.data_dir / "files")}
    return load(Storage, "disk", settings)  # type: ignore[type-abstract]
