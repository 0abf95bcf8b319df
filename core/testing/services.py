"""Private PostgreSQL, Redis and SMTP servers for tests: real, on loopback, gone afterwards.

Nothing is skipped where a server is missing: the fixture fails and names the package.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

START_S = 30.0
_numbers = count(1)


def program(name: str, package: str, *folders: str) -> str:
    """Return the path of a program or fail with the Debian package that has it."""
    path = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"{name} is missing: apt-get install {package}", pytrace=False)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            pytest.fail(f"{process.args!r} did not start:\n{tail}", pytrace=False)
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in the foreground; end it and whatever it started."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **options,
        )
    try:
        yield process
    finally:
        stop(process)


def dies_with_us(signal_name: str = "TERM") -> list[str]:
    """Begin a command so that the kernel ends it when the tests are killed."""
    return [program("setpriv", "util-linux"), "--pdeathsig", signal_name]


def stop(process: subprocess.Popen[bytes], first: int = signal.SIGTERM) -> None:
    for number in (first, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue


@dataclass
class Postgres:
    """A server of our own. ``stop`` and ``start`` are for tests of an outage."""

    folder: Path
    port: int
    binaries: Path
    process: subprocess.Popen[bytes] | None = None
    _user: dict[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = "postgres") -> str:
        return f"postgres://offhook@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        initdb = [str(self.binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "offhook"]
        options = ["-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            initdb + options, capture_output=True, text=True, cwd=self.folder, **self._user
        )
        if made.returncode:
            pytest.fail(f"initdb failed:\n{made.stdout}{made.stderr}", pytrace=False)

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 60,
            "shared_buffers": "16MB",
            "max_wal_size": "128MB",
        }
        command = [*dies_with_us("INT"), str(self.binaries / "postgres")]
        command += ["-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
                **self._user,
            )
        isready = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_until(lambda: subprocess.run(isready).returncode == 0, self.process, self.log)

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one: as after a crash."""
        if self.process is not None:
            stop(self.process, how)

    async def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{next(_numbers)}"
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.url(name)

    async def drop_database(self, url: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    binary = program("initdb", "postgresql", *map(str, folders))
    with _reachable_folder("postgres") as folder:
        server = Postgres(folder, free_port(), Path(binary).parent)
        server.prepare()
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def _reachable_folder(name: str) -> Iterator[Path]:
    """A temp folder that another account may enter, which pytest's own does not allow."""
    with tempfile.TemporaryDirectory(prefix=f"offhook-{name}-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
async def postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a fresh database on PostgreSQL."""
    url = await postgres.create_database()
    yield url
    await postgres.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a fresh database file."""
    return f"sqlite://{tmp_path / 'test.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The test runs twice: with a fresh SQLite file and with a fresh PostgreSQL database."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'test.sqlite3'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = await server.create_database()
    yield url
    await server.drop_database(url)


@dataclass
class Redis:
    """A Redis of our own, kept in memory. ``stop`` and ``start`` are for tests of an outage."""

    folder: Path
    port: int
    binary: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [*dies_with_us(), self.binary, "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        log = self.folder / "redis.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: answers(self.port), self.process, log)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def clear(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(64).startswith(b"+OK")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    binary = program("redis-server", "redis-server")
    server = Redis(tmp_path_factory.mktemp("redis"), free_port(), binary)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """The URL of an empty Redis."""
    redis_server.clear()
    return redis_server.url


@dataclass
class MailServer:
    """An SMTP server inside the test's own loop.

    ``replies``: answers to give, one per message, before it accepts: ``"451 busy"``.
    """

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.replies:
            return self.replies.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(_parsed(content))
        self.envelopes.append(envelope)
        return "250 accepted"


def _parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """An SMTP server that keeps what it gets and refuses on demand."""
    mail = MailServer()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        lambda: SMTP(mail, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    mail.port = listener.sockets[0].getsockname()[1]
    yield mail
    listener.close()
    await listener.wait_closed()


@dataclass(frozen=True)
class DebianMail:
    """OpenSMTPD as Debian ships it; every message ends in one maildir."""

    port: int
    maildir: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def messages(self) -> list[EmailMessage]:
        return [_parsed(path.read_bytes()) for path in sorted(self.maildir.glob("new/*"))]

    async def wait_for(self, number: int, within_s: float = 15.0) -> list[EmailMessage]:
        async with asyncio.timeout(within_s):
            while len(found := self.messages()) < number:  # noqa: ASYNC110 - no event of a folder
                await asyncio.sleep(0.05)
        return found


@pytest.fixture(scope="session")
def open_smtpd() -> Iterator[DebianMail]:
    """OpenSMTPD on a free port. It takes root to run; its fixed folders are hidden by ours."""
    binary = program("smtpd", "opensmtpd")
    if os.geteuid() != 0:
        pytest.fail("OpenSMTPD can only be started by root", pytrace=False)
    with _reachable_folder("smtp") as folder:
        yield from _open_smtpd(binary, folder)


@pytest.fixture
def debian_mail(open_smtpd: DebianMail) -> DebianMail:
    """OpenSMTPD with an empty maildir."""
    for path in open_smtpd.maildir.glob("new/*"):
        path.unlink()
    return open_smtpd


def _open_smtpd(binary: str, folder: Path) -> Iterator[DebianMail]:
    port, maildir = free_port(), folder / "mail"
    (folder / "smtpd.conf").write_text(
        f"listen on 127.0.0.1 port {port}\n"
        f'action "keep" maildir "{maildir}" user nobody virtual {{ "@" = nobody }}\n'
        'match from any for any action "keep"\n'
    )
    command = 'mount --bind "$1" /var/spool && mount --bind "$2" /run && exec "$3" -d -f "$4"'
    spool, run, log = folder / "spool", folder / "run", folder / "log"
    for path in (spool, run, maildir):
        path.mkdir(mode=0o755)
    shutil.chown(maildir, "nobody")
    shell = [*dies_with_us(), "unshare", "--mount", "sh", "-ec", command, "sh"]
    arguments = [str(spool), str(run), binary, str(folder / "smtpd.conf")]
    with running(shell + arguments, log) as process:
        wait_until(lambda: answers(port), process, log)
        yield DebianMail(port, maildir)
