from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.drivers import DriverError
from core.storage import Storage, new_key
from core.storage_disk import DiskStorage
from core.testing.contracts.storage import StorageContract, chunks


class TestDiskStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return DiskStorage({"root": str(tmp_path / "files")})


@pytest.mark.serves("S-12")
async def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    storage = DiskStorage({"root": str(tmp_path / "files")})
    outside = tmp_path / "outside"
    outside.mkdir()
    key = new_key(7)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "7").symlink_to(outside)
    with pytest.raises(DriverError):
        await storage.put(key, chunks(b"data"))
    assert list(outside.rglob("*")) == []


@pytest.mark.serves("S-12")
async def test_a_file_replaced_by_a_link_is_not_read(tmp_path: Path) -> None:
    storage = DiskStorage({"root": str(tmp_path / "files")})
    secret = tmp_path / "secret"
    secret.write_text("secret")
    key = new_key(7)
    await storage.put(key, chunks(b"data"))
    path = tmp_path / "files" / key
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(DriverError):
        await storage.get(key)


async def test_files_are_for_us_alone(tmp_path: Path) -> None:
    storage = DiskStorage({"root": str(tmp_path / "files")})
    key = new_key(7)
    await storage.put(key, chunks(b"data"))
    path = tmp_path / "files" / key
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    storage = DiskStorage({"root": str(tmp_path / "files")})
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        key = new_key(7)
        await storage.put(key, chunks(b"data"))
        assert [p async for p in await storage.get(key)] == [b"data"]
        await storage.delete(key)
        with pytest.raises(DriverError):
            await storage.get(key)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
