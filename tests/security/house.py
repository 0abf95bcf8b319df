"""Two tenants with the same kinds of records, so that whatever one has the other could be shown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import UUID

from quart import Quart, Response
from tortoise import Tortoise

from core import audit, files, password_links, sessions
from core.config import Config
from core.current import service
from core.database import Database, fetch
from core.models import EntryPoint, File, Invitation, Session, SignIn, User
from core.password_links import FORGOTTEN
from core.tenancy import TenantView
from core.testing import application
from core.testing.application import Browser
from core.values import Actor
from plugins.blacklist.models import Entry
from plugins.chat.models import QuickResponse
from plugins.notify.models import Delivery, Kind, State, Template
from plugins.teamview.models import Choice, Mark

NEVER = datetime(2100, 1, 1, tzinfo=UTC)
MAIL = "Subject: {mark} mail\nTo: c@{slug}.example\nFrom: a@{slug}.example\n\n{mark}\n"


@dataclass(slots=True)
class House:
    """One furnished tenant. ``mark`` stands in every text of it."""

    tenant: TenantView
    mark: str
    agent: User
    administrator: User
    point: EntryPoint
    waiting: Session
    invited: Session
    invitation: Invitation
    password_token: str
    file: File
    entry: Entry
    response: QuickResponse
    sign_in: SignIn
    mail_id: str


async def furnish(tenant: TenantView) -> House:
    mark = f"{tenant.slug}-only"
    agent = await application.make_user(tenant, f"Ada-{mark}")
    boss = await application.make_user(tenant, f"Bo-{mark}", "administrator")
    point = await EntryPoint.get(tenant_id=tenant.id, slug="front")
    await EntryPoint.filter(tenant_id=tenant.id, id=point.id).update(slug=mark, title=mark)
    waiting = await _waiting(tenant, mark)
    person = sessions.Person(f"Ines {mark}", f"ines@{tenant.slug}.example")
    invited, invitation = await application.invited_session(tenant, agent, person=person)
    by = Actor("agent", str(agent.id), agent.name)
    url = await password_links.link_url(tenant, agent, FORGOTTEN)
    await audit.write(tenant.id, by, f"{mark}.acted", subject=mark)
    await Choice.create(tenant_id=tenant.id, user=agent, view="team")
    await Mark.get_or_create(tenant_id=tenant.id, session_id=waiting.id)
    await Template.create(
        tenant_id=tenant.id,
        kind=Kind.NOTE,
        channel="email",
        language="en",
        subject=mark,
        body=f"{mark} {{comment}} {{link}}",
    )
    await _deliver(tenant, agent, invited, invitation, mark)
    return House(
        tenant=tenant,
        mark=mark,
        agent=agent,
        administrator=boss,
        point=await EntryPoint.get(tenant_id=tenant.id, id=point.id),
        waiting=waiting,
        invited=invited,
        invitation=invitation,
        password_token=url.rpartition("/")[2],
        file=await files.add(tenant, invited.id, by, f"{mark}.txt", _bytes(mark)),
        entry=await Entry.create(
            tenant_id=tenant.id,
            kind="email",
            value=f"rude@{tenant.slug}.example",
            reason=mark,
            created_by=str(by),
        ),
        response=await QuickResponse.create(tenant_id=tenant.id, title=mark, text=mark),
        sign_in=await SignIn.create(
            tenant_id=tenant.id, token_hash=mark, user=agent, expires_at=NEVER
        ),
        mail_id=_keep_mail(tenant, mark),
    )


async def _waiting(tenant: TenantView, mark: str) -> Session:
    point = await EntryPoint.get(tenant_id=tenant.id, slug=mark)
    arrival = application.Arrival(
        tenant.id, point.channel, mark, "192.0.2.7", name=f"Walter {mark}"
    )
    return await sessions.walk_in(tenant, point, arrival, "en")


async def _deliver(
    tenant: TenantView, agent: User, session: Session, invitation: Invitation, mark: str
) -> None:
    await Delivery.create(
        id=UUID(int=session.id.int ^ 1),
        tenant_id=tenant.id,
        session=session,
        invitation=invitation,
        sent_by=agent,
        kind=Kind.INVITATION,
        channel="email",
        address=f"ines@{tenant.slug}.example",
        name=mark,
        language="en",
        state=State.SENT,
    )


def _keep_mail(tenant: TenantView, mark: str) -> str:
    mail_id = tenant.slug.encode().hex().zfill(32)
    folder = service(Config).data_dir / "outbox" / tenant.slug
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{mail_id}.eml").write_text(MAIL.format(mark=mark, slug=tenant.slug))
    return mail_id


async def _bytes(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def dump(tenant: TenantView) -> dict[str, list[str]]:
    """Return everything the installation keeps of *tenant*: rows by table, and its files."""
    connection = service(Database).connection
    found: dict[str, list[str]] = {}
    for model in (m for models in Tortoise.apps.values() for m in models.values()):
        table, names = model._meta.db_table, model._meta.fields_db_projection.values()
        key = "tenant_id" if "tenant_id" in names else "id" if table == "core_tenant" else ""
        if key:
            sql = f"SELECT * FROM {table} WHERE {key} = $1 ORDER BY id"
            found[table] = [str(dict(row)) for row in await fetch(connection, sql, [tenant.id])]
    assert len(found) > 20
    return found | _files_of(service(Config).data_dir, {tenant.slug, str(tenant.id)})


def _files_of(root: Path, folders: set[str]) -> dict[str, list[str]]:
    paths = sorted(p for p in root.rglob("*") if p.is_file() and folders & set(p.parts))
    assert paths, "a house keeps files, so there must be some"
    return {str(path.relative_to(root)): [path.read_bytes().hex()] for path in paths}


async def text_of(response: Response) -> str:
    return (await response.get_data()).decode("utf-8", "replace")


def plain(html: str, *hidden: str) -> str:
    """Return a body without what differs between any two answers, and without *hidden*."""
    html = re.sub(r"nonce(=|&#34;:|-)\"?[\w-]+", "nonce", html)
    html = re.sub(r"\b\d{13}\b|\d\d:\d\d", "now", html)
    for text in sorted(filter(None, hidden), key=len, reverse=True):
        html = html.replace(text, "…")
    return html


def difference(one: str, other: str) -> str:
    """Return the first lines in which two bodies differ."""
    pairs = zip_longest(one.splitlines(), other.splitlines(), fillvalue="")
    return next((f"{a[:200]!r} {b[:200]!r}" for a, b in pairs if a != b), "")


@dataclass(slots=True)
class Cast:
    """Everybody who could knock at ``acme``."""

    nobody: Browser
    customer: Browser
    agent: Browser
    administrator: Browser

    def __iter__(self) -> Iterator[tuple[str, Browser]]:
        yield "nobody", self.nobody
        yield "customer", self.customer
        yield "agent", self.agent
        yield "administrator", self.administrator


async def people(app: Quart, house: House) -> Cast:
    tenant = house.tenant
    return Cast(
        Browser(app, tenant),
        await application.enter(app, tenant, house.waiting),
        await application.sign_in(app, tenant, house.agent),
        await application.sign_in(app, tenant, house.administrator),
    )


@contextmanager
def errors_of(records: Any) -> Iterator[list[str]]:
    """Collect what was logged as an error inside the block."""
    found: list[str] = []
    before = len(records)
    yield found
    found += [r.getMessage() for r in records[before:] if r.levelname in {"ERROR", "CRITICAL"}]
