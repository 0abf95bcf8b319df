"""The operator's variables and the command."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from core import demo
from core.config import BadConfig, Config
from core.testing.services import free_port

OFFHOOK = Path(sys.executable).with_name("offhook")


def test_defaults_are_embedded(tmp_path: Path) -> None:
    config = Config.from_env({}, data_dir=tmp_path)
    assert config.database_url.startswith("sqlite://")
    assert len(config.secret) >= 32
    assert Config.from_env({}, data_dir=tmp_path).secret == config.secret, "kept between starts"
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"OFFHOOK_PROT": "1"}, "OFFHOOK_PROT is not a setting"),
        ({"OFFHOOK_PORT": "many"}, "OFFHOOK_PORT must be a whole number"),
        ({"OFFHOOK_DEV": "perhaps"}, "OFFHOOK_DEV must be 1 or 0"),
        ({"OFFHOOK_SECRET": "short"}, "at least 32"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, env: dict[str, str], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        Config.from_env(env, data_dir=tmp_path)


def offhook(*arguments: str, data: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "OFFHOOK_DATA_DIR": str(data), **more}
    return subprocess.run(
        [OFFHOOK, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_serve_refuses_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    ended = offhook("serve", data=tmp_path)
    assert ended.returncode == 1
    assert "offhook migrate" in ended.stderr


def test_migrate_works_once_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    assert "core.0001_initial" in offhook("migrate", data=tmp_path).stdout
    assert "Nothing to do" in offhook("migrate", data=tmp_path).stdout


def test_a_wrong_variable_is_told_without_a_stack_trace(tmp_path: Path) -> None:
    ended = offhook("migrate", data=tmp_path, OFFHOOK_PORT="x")
    assert ended.returncode == 1
    assert ended.stderr == "offhook: OFFHOOK_PORT must be a whole number\n"


def test_the_installed_plugins_are_listed(tmp_path: Path) -> None:
    listed = offhook("plugins", data=tmp_path)
    assert listed.returncode == 0
    for name in ("blacklist", "chat", "email", "notify", "teamview"):
        assert name in listed.stdout


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = offhook("dev", "--port", str(taken.getsockname()[1]), data=tmp_path)
    assert ended.returncode == 1
    assert "cannot be listened on (Address already in use); try --port" in ended.stderr


async def test_dev_starts_with_two_demo_tenants_and_ends_when_asked(tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        OFFHOOK,
        "dev",
        "--port",
        str(port),
        env={"PATH": "/usr/bin:/bin", "OFFHOOK_DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    told = ""
    async with asyncio.timeout(60):
        while "pavel@harbor.example" not in told:
            told += (await process.stdout.readline()).decode()
    for tenant in demo.TENANTS:
        assert f"/t/{tenant.slug}/" in told
        url = f"http://127.0.0.1:{port}/t/{tenant.slug}/e/{tenant.entry[0]}"
        with await asyncio.to_thread(urllib.request.urlopen, url) as response:
            assert response.status == 200
    assert demo.PASSWORD in told
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        await process.communicate()
    assert process.returncode == 0
