"""What an operator can set, read from ``OFFHOOK_*`` variables once at start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class BadConfig(Exception):
    """A variable holds something this version cannot use; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Config:
    """The operator's settings. Each field is the variable ``OFFHOOK_<NAME>``."""

    data_dir: Path = field(
        default=Path("var"), metadata={"help": "Folder for database, files and outbox."}
    )
    database_url: str = field(
        default="", metadata={"help": "sqlite:///… or postgres://…; default: SQLite in data_dir."}
    )
    redis_url: str = field(
        default="", metadata={"help": "redis://…: bus between processes. Default: in-process."}
    )
    smtp_url: str = field(
        default="", metadata={"help": "smtp://user:pw@host:587; default: mail rests in the outbox."}
    )
    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on."})
    port: int = field(default=8700, metadata={"help": "TCP port to listen on."})
    public_url: str = field(
        default="", metadata={"help": "How browsers reach us; default: http://host:port."}
    )
    base_domain: str = field(
        default="localhost", metadata={"help": "Tenants live at <slug>.<base_domain>, too."}
    )
    trusted_proxies: int = field(
        default=0, metadata={"help": "How many proxies in front of us set X-Forwarded-*."}
    )
    secret: str = field(
        default="",
        metadata={
            "help": "Key of links and tickets, 32+ characters; default: made in data_dir.",
            "secret": True,
        },
    )
    max_upload_mb: int = field(default=25, metadata={"help": "Largest file, in megabytes."})
    demo: bool = field(default=False, metadata={"help": "Make two demo tenants at start."})
    dev: bool = field(default=False, metadata={"help": "Show failing slots; no template cache."})

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **overrides: Any) -> Config:
        """Read the variables; *overrides* win. Raises ``BadConfig`` with the variable's name."""
        env = os.environ if env is None else env
        known = {f"OFFHOOK_{f.name.upper()}": f for f in fields(cls)}
        for name in env:
            if name.startswith("OFFHOOK_") and name not in known and name not in _ELSEWHERE:
                raise BadConfig(f"{name} is not a setting of Offhook")
        values: dict[str, Any] = {
            f.name: _parse(name, env[name], f.type) for name, f in known.items() if name in env
        }
        return cls(**values | overrides)._completed()

    def is_own_host(self, host: str) -> bool:
        """Tell whether *host*, without port, names this installation rather than a tenant.

        An address does: no page elsewhere can have it as the name of its own site.
        """
        name = host.lower().rstrip(".")
        own = {urlsplit(self.public_url).hostname, self.base_domain.lower(), "localhost"}
        return name in own or is_address(name.strip("[]"))

    def _completed(self) -> Config:
        data_dir = self.data_dir.resolve()
        changes: dict[str, Any] = {"data_dir": data_dir}
        if not self.database_url:
            changes["database_url"] = f"sqlite://{data_dir / 'offhook.sqlite3'}"
        if not self.public_url:
            changes["public_url"] = f"http://{self.host}:{self.port}"
        if not self.secret:
            changes["secret"] = _kept_secret(data_dir / "secret")
        elif len(self.secret) < 32:
            raise BadConfig("OFFHOOK_SECRET needs at least 32 characters")
        return replace(self, **changes)


_ELSEWHERE = frozenset({"OFFHOOK_TRACE_HOOKS"})


def _parse(name: str, text: str, kind: object) -> object:
    match kind:
        case "int":
            if not text.isdecimal():
                raise BadConfig(f"{name} must be a whole number")
            return int(text)
        case "bool":
            if text.lower() not in {"0", "1", "true", "false", "yes", "no"}:
                raise BadConfig(f"{name} must be 1 or 0")
            return text.lower() in {"1", "true", "yes"}
        case "Path":
            return Path(text)
        case _:
            return text


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _kept_secret(path: Path) -> str:
    """Return the installation's own key, made on first use, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret)
    return secret
