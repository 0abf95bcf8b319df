"""Files of a session: taken in, found again, removed."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import F
from tortoise.functions import Sum

from core.config import Config
from core.current import service
from core.drivers import DriverError
from core.errors import AppError, BadInput, LimitReached, NotFound, TooLarge
from core.i18n import gettext as _
from core.jobs import Jobs, enqueue
from core.media_types import HEAD, media_type
from core.models import File, Session, Tenant
from core.plugins import JobType
from core.storage import Stored, new_key, storage
from core.tenancy import TenantView
from core.timeline import Timeline
from core.values import Actor, Draft

MB: Final = 1024 * 1024
UNUSED_AFTER_S: Final = 3600
MAX_NAME: Final = 200


class StorageAway(AppError):
    status = 503
    code = "storage-away"
    message = "The file could not be stored. Please try again in {retry_s} seconds."


class StorageFull(LimitReached):
    code = "storage-full"
    message = "Your plan stores {limit} MB of files. Delete some, or ask for a larger plan."


def connect() -> None:
    service(Jobs).register(JobType("core.drop_bytes", _drop_bytes, tries=12))


async def add(
    tenant: TenantView,
    session_id: UUID,
    by: Actor,
    name: str,
    chunks: AsyncIterator[bytes],
) -> File:
    """Store a file and write it into the session's timeline; everything or nothing.

    Raises ``TooLarge`` as soon as too much has come, ``StorageFull`` when the plan allows no more.
    """
    session = await Session.get_or_none(tenant_id=tenant.id, id=session_id)
    if session is None:
        raise NotFound
    await tenant.hooks.accept_file(tenant=tenant, session_id=session_id, by=by)
    await _check_space(tenant, 0)
    key = new_key(tenant.id)
    # Written ahead, so that bytes without a record cannot stay: not even after a crash.
    await enqueue("core.drop_bytes", {"key": key}, delay_s=UNUSED_AFTER_S)
    upload = _Upload(chunks, service(Config).max_upload_mb)
    try:
        stored = await storage().put(key, upload.pieces())
        kind = await asyncio.to_thread(media_type, bytes(upload.head))
        return await _record(tenant, session, by, key, clean_name(name), kind, stored)
    except DriverError as error:
        raise StorageAway(retry_s=10) from error
    except AppError:
        await enqueue("core.drop_bytes", {"key": key})
        raise


async def _record(
    tenant: TenantView, session: Session, by: Actor, key: str, name: str, kind: str, stored: Stored
) -> File:
    file_id = uuid4()
    customer_id: Any = session.customer_id
    payload = {"file": str(file_id), "name": name, "size": stored.size, "media_type": kind}
    async with service(Timeline).transaction() as unit:
        # The tenant's row is the lock: of two uploads at once, one counts after the other.
        await Tenant.filter(id=tenant.id).update(last_seq=F("last_seq"))
        await _check_space(tenant, stored.size)
        file = await File.create(
            id=file_id,
            tenant_id=tenant.id,
            session_id=session.id,
            customer_id=customer_id,
            key=key,
            name=name,
            media_type=kind,
            size=stored.size,
            sha256=stored.sha256,
            uploaded_by=str(by),
        )
        unit.append(
            Draft(tenant.id, "core.file_added", by, payload, session.id, customer_id=customer_id)
        )
    return file


async def _check_space(tenant: TenantView, coming: int) -> None:
    limit_mb = tenant.limits.get("storage_mb")
    if limit_mb is None:
        return
    query = File.filter(tenant_id=tenant.id, deleted_at=None)
    rows: Any = await query.annotate(total=Sum("size")).values_list("total", flat=True)
    if (rows[0] or 0) + coming > limit_mb * MB or ((rows[0] or 0) >= limit_mb * MB):
        raise StorageFull(limit=limit_mb)


async def find(tenant_id: int, file_id: UUID, session_id: UUID | None = None) -> File:
    """Return a file that is still there. *session_id*: it must be of this session."""
    file = await File.get_or_none(tenant_id=tenant_id, id=file_id, deleted_at=None)
    if file is None or (session_id is not None and file.session_id != session_id):
        raise NotFound
    return file


async def of_session(tenant_id: int, session_id: UUID) -> list[File]:
    query = File.filter(tenant_id=tenant_id, session_id=session_id, deleted_at=None)
    return await query.order_by("created_at")


async def read(file: File) -> AsyncIterator[bytes]:
    """Return the bytes; ``StorageAway`` when they cannot be had now."""
    try:
        return await storage().get(file.key)
    except DriverError as error:
        raise StorageAway(retry_s=10) from error


async def remove(tenant: TenantView, file_id: UUID, by: Actor) -> None:
    """Take a file away; its line stays in the timeline, its bytes go with the next job."""
    file = await find(tenant.id, file_id)
    async with service(Timeline).transaction() as unit:
        query = File.filter(tenant_id=tenant.id, id=file_id, deleted_at=None)
        if not await query.update(deleted_at=datetime.now(UTC)):
            raise NotFound  # somebody else was quicker
        await enqueue("core.drop_bytes", {"key": file.key})
        payload = {"file": str(file_id), "name": file.name}
        unit.append(
            Draft(
                tenant.id,
                "core.file_removed",
                by,
                payload,
                file.session_id,
                customer_id=file.customer_id,
            )
        )


async def _drop_bytes(tenant: TenantView | None, key: str) -> None:
    """Remove the bytes of *key* unless a record needs them."""
    tenant_id = int(key.partition("/")[0])
    if not await File.exists(tenant_id=tenant_id, key=key, deleted_at=None):
        await storage().delete(key)


def clean_name(name: str) -> str:
    """Return a name that is safe to show and to save: no path, no control or bidi characters."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in name if unicodedata.category(c)[0] not in "CZ" or c == " ")
    kept = " ".join(kept.split()).strip(". ")
    if len(kept) > MAX_NAME:
        stem, dot, ending = kept.rpartition(".")
        kept = stem[: MAX_NAME - 12] + dot + ending if len(ending) < 12 else kept[:MAX_NAME]
    return kept or "file"


class _Upload:
    """The coming bytes, counted and their beginning remembered."""

    def __init__(self, chunks: AsyncIterator[bytes], limit_mb: int) -> None:
        self._chunks, self._limit_mb = chunks, limit_mb
        self.head = bytearray()
        self.size = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        too_late = loop.time() + UNUSED_AFTER_S / 2
        async for chunk in self._chunks:
            if loop.time() > too_late:
                raise BadInput(field=_("File"), problem=_("it did not arrive in time"))
            self.size += len(chunk)
            if self.size > self._limit_mb * MB:
                raise TooLarge(limit_mb=self._limit_mb)
            if len(self.head) < HEAD:
                self.head += chunk[: HEAD - len(self.head)]
            yield chunk
        if not self.size:
            raise BadInput(field=_("File"), problem=_("it is empty"))
