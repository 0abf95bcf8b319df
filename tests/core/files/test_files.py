from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from core import files
from core.errors import BadInput, NotFound, TooLarge
from core.media_types import media_type
from core.models import Customer, Event, File, Job, Session
from core.tenancy import TenantView
from core.testing.contracts.storage import chunks
from core.values import SYSTEM, Actor
from tests.core.parts import Parts, started

AGENT = Actor("agent", "1", "Ann")


@pytest.fixture
async def parts(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Parts]:
    async with started(sqlite_url, tmp_path, max_upload_mb=1) as parts:
        yield parts


async def session_of(tenant: TenantView) -> Session:
    customer = await Customer.create(id=uuid4(), tenant_id=tenant.id, name="Bo")
    return await Session.create(id=uuid4(), tenant_id=tenant.id, customer=customer)


def on_disk(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


def png(wide: int, high: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + crc


@pytest.mark.serves("V34", "C13", "C15", "C19")
async def test_a_file_is_stored_typed_and_told_in_the_timeline(
    parts: Parts, tmp_path: Path
) -> None:
    acme = await parts.tenant("acme")
    session = await session_of(acme)
    data = png(2, 2) + b"x" * 100_000
    file = await files.add(acme, session.id, AGENT, "face.png", chunks(data))

    assert (file.media_type, file.size) == ("image/png", len(data))
    assert b"".join([p async for p in await files.read(file)]) == data
    assert "face" not in str(on_disk(tmp_path)[0])
    event = await Event.get(tenant_id=acme.id, type="core.file_added")
    assert event.session_id == session.id
    assert event.payload["file"] == str(file.id)


@pytest.mark.serves("S-01")
async def test_a_file_is_of_one_tenant_and_one_session(parts: Parts) -> None:
    acme, other = await parts.tenant("acme"), await parts.tenant("other")
    session, second = await session_of(acme), await session_of(acme)
    file = await files.add(acme, session.id, AGENT, "a.txt", chunks(b"text"))

    assert (await files.find(acme.id, file.id, session.id)).id == file.id
    with pytest.raises(NotFound):
        await files.find(other.id, file.id)
    with pytest.raises(NotFound):
        await files.find(acme.id, file.id, second.id)
    with pytest.raises(NotFound):
        await files.add(other, session.id, AGENT, "a.txt", chunks(b"text"))


@pytest.mark.serves("V36", "S-13")
async def test_too_much_is_refused_as_soon_as_it_is_too_much(parts: Parts, tmp_path: Path) -> None:
    acme = await parts.tenant("acme")
    session = await session_of(acme)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b"x" * 100_000

    with pytest.raises(TooLarge):
        await files.add(acme, session.id, AGENT, "big", endless())
    assert sent <= 1_200_000
    assert on_disk(tmp_path) == []
    assert not await File.exists(tenant_id=acme.id)
    assert not await Event.exists(tenant_id=acme.id)


async def test_an_empty_file_is_refused(parts: Parts) -> None:
    acme = await parts.tenant("acme")
    session = await session_of(acme)
    with pytest.raises(BadInput):
        await files.add(acme, session.id, AGENT, "empty", chunks())


async def test_the_plan_limits_what_is_stored(parts: Parts, tmp_path: Path) -> None:
    acme = await parts.tenant("acme", storage_mb=1)
    session = await session_of(acme)
    first = await files.add(acme, session.id, AGENT, "one", chunks(b"x" * 700_000))
    with pytest.raises(files.StorageFull):
        await files.add(acme, session.id, AGENT, "two", chunks(b"x" * 700_000))
    await parts.jobs.work_off()
    assert len(on_disk(tmp_path)) == 1

    await files.remove(acme, first.id, AGENT)
    await parts.jobs.work_off()
    assert on_disk(tmp_path) == []
    await files.add(acme, session.id, AGENT, "two", chunks(b"x" * 700_000))


async def test_bytes_without_a_record_go_and_bytes_with_one_stay(
    parts: Parts, tmp_path: Path
) -> None:
    acme = await parts.tenant("acme")
    session = await session_of(acme)
    kept = await files.add(acme, session.id, AGENT, "kept", chunks(b"kept"))
    lost = await files.add(acme, session.id, AGENT, "lost", chunks(b"lost"))
    await File.filter(tenant_id=acme.id, id=lost.id).delete()
    assert len(on_disk(tmp_path)) == 2

    parts.clock.tick(files.UNUSED_AFTER_S + 1)
    await parts.jobs.work_off()
    assert [path.name for path in on_disk(tmp_path)] == [kept.key.rpartition("/")[2]]
    assert {job.status for job in await Job.all()} == {"done"}


async def test_a_removed_file_is_gone_but_its_line_stays(parts: Parts) -> None:
    acme = await parts.tenant("acme")
    session = await session_of(acme)
    file = await files.add(acme, session.id, SYSTEM, "a.txt", chunks(b"text"))
    await files.remove(acme, file.id, AGENT)
    with pytest.raises(NotFound):
        await files.find(acme.id, file.id)
    types = await Event.filter(tenant_id=acme.id).order_by("n").values_list("type", flat=True)
    assert types == ["core.file_added", "core.file_removed"]


@pytest.mark.serves("S-12")
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt"),
        ("nul\x00l.png", "null.png"),
        ("...", "file"),
        ("", "file"),
        ("  . .hidden ", "hidden"),
        ("договор №5.pdf", "договор №5.pdf"),
        ("合同.docx", "合同.docx"),
        ("x" * 500 + ".pdf", "x" * 188 + ".pdf"),
        ("\ud800.txt", "txt"),
    ],
)
def test_names_are_made_harmless(given: str, shown: str) -> None:
    assert files.clean_name(given) == shown


@pytest.mark.serves("S-13")
@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(png(100, 100), "image/png", id="png"),
        pytest.param(png(15_000, 15_000), "application/octet-stream", id="png bomb"),
        pytest.param(png(0, 5), "application/octet-stream", id="png of nothing"),
        pytest.param(b"GIF89a\x10\x00\x10\x00" + b"\0" * 20, "image/gif", id="gif"),
        pytest.param(
            b"GIF89a\xff\xff\xff\xff" + b"\0" * 20, "application/octet-stream", id="gif bomb"
        ),
        pytest.param(
            b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\0" * 9, "application/octet-stream", id="jpeg"
        ),
        pytest.param(
            b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff",
            "application/octet-stream",
            id="webp bomb",
        ),
        pytest.param(b"<!doctype html><script>alert(1)</script>", "text/html", id="html"),
        pytest.param(b"%PDF-1.7\n", "application/pdf", id="pdf"),
    ],
)
def test_types_come_from_the_bytes(head: bytes, kind: str) -> None:
    assert media_type(head) == kind
