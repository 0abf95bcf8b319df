"""What the room is told, and who may hear it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from core.api import (
    Actor,
    Draft,
    Person,
    Presence,
    Session,
    TenantView,
    Timeline,
    User,
    get_session,
    service,
)
from core.testing.application import (
    Browser,
    enter,
    invited_session,
    make_user,
    sign_in,
    waiting_session,
)
from plugins.teamview import presence, services
from plugins.teamview.models import Mark
from plugins.teamview.rows import row_of


class Told:
    """The deltas of one tenant's room, in order."""

    def __init__(self) -> None:
        self.deltas: list[tuple[int, list[dict[str, Any]], list[str]]] = []
        self.more = asyncio.Event()

    async def __call__(self, tenant_id: int, topic: str, **delta: Any) -> None:
        assert topic == "teamview.room"
        self.deltas.append((tenant_id, delta.get("set", []), delta.get("gone", [])))
        self.more.set()

    @property
    def last(self) -> dict[str, Any]:
        return self.deltas[-1][1][0]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    listener = Told()
    monkeypatch.setattr(services, "publish_state", listener)
    monkeypatch.setattr(presence, "publish_state", listener)
    return listener


async def rows(tenant: TenantView) -> dict[str, dict[str, Any]]:
    found = await services.snapshot(tenant, cast("Any", None))
    return {row["customer"]: row for row in found}


async def later() -> None:
    """Give what is told behind the caller's back the time it takes."""
    await asyncio.sleep(0.2)


async def act(who: Browser, session: Session, what: str, **form: str) -> None:
    answer = await who.post(f"/sessions/{session.id}/{what}", form=form)
    assert answer.status_code == 302


async def come(tenant: TenantView, session: Session) -> None:
    await service(Presence).join(tenant.id, session.id, "customer", str(session.customer_id))


async def write(session: Session, kind: str, actor: Actor, **facts: Any) -> None:
    draft = Draft(session.tenant_id, kind, actor, {"text": "Hello?"}, session.id, **facts)
    await service(Timeline).append(draft)
    await later()


def customer(session: Session) -> Actor:
    return Actor("customer", str(session.customer_id), session.customer.name)


def agent(user: User) -> Actor:
    return Actor("agent", str(user.id), user.name)


@pytest.mark.serves("V1", "V3", "V4")
async def test_the_room_holds_who_is_invited_or_here(
    tenant: TenantView, agent_browser: Browser
) -> None:
    ada = await make_user(tenant, "Ada")
    when = datetime.now(UTC) + timedelta(hours=1)
    await invited_session(tenant, ada, person=Person("Later"), scheduled_for=when)
    waiting = await waiting_session(tenant, "Here")
    over = await waiting_session(tenant, "Over")
    await act(agent_browser, over, "delete")
    await come(tenant, waiting)
    found = await rows(tenant)
    assert found.keys() == {"Later", "Here"}
    here, later = found["Here"], found["Later"]
    assert (here["state"], here["online"], here["owner"]) == ("waiting", True, None)
    assert here["queue"] == "Front desk"
    assert waiting.enqueued_at is not None
    assert here["enqueued_at_ms"] == int(waiting.enqueued_at.timestamp() * 1000)
    assert later["owner"] == {"id": ada.id, "name": "Ada"}
    assert later["scheduled_for_ms"] == int(when.timestamp() * 1000)
    assert later["online"] is False


@pytest.mark.serves("V1")
async def test_a_room_is_its_tenants(
    tenant: TenantView, other_tenant: TenantView, told: Told
) -> None:
    await waiting_session(tenant, "Ours")
    await waiting_session(other_tenant, "Theirs")
    assert (await rows(tenant)).keys() == {"Ours"}
    assert (await rows(other_tenant)).keys() == {"Theirs"}
    for tenant_id, changed, _ in told.deltas:
        for row in changed:
            assert (row["customer"] == "Ours") == (tenant_id == tenant.id)


@pytest.mark.serves("V1", "V4", "V14")
async def test_each_change_is_told_at_once(
    tenant: TenantView, agent_browser: Browser, told: Told
) -> None:
    session = await waiting_session(tenant)
    assert told.last["state"] == "waiting"
    await come(tenant, session)
    await later()
    assert told.last["online"] is True
    await act(agent_browser, session, "priority", priority="2")
    assert told.last["priority"] == 2
    await act(agent_browser, session, "attend")
    assert (told.last["state"], told.last["agent"]["name"]) == ("active", "Zoe")
    await act(agent_browser, session, "hand-back")
    assert (told.last["state"], told.last["agent"]) == ("waiting", None)
    await act(agent_browser, session, "delete")
    assert told.deltas[-1] == (tenant.id, [], [str(session.id)])


@pytest.mark.serves("V9", "V10")
async def test_a_row_knows_since_when_its_customer_is_gone(tenant: TenantView, told: Told) -> None:
    session = await waiting_session(tenant)
    before = int(time.time() * 1000)
    await services.customer_presence(tenant, session, online=True)
    await later()
    await services.customer_presence(tenant, session, online=False)
    await later()
    assert told.last["online"] is False
    assert before <= told.last["online_changed_ms"] <= int(time.time() * 1000)


@pytest.mark.serves("V10")
async def test_a_change_nobody_saw_has_no_time(tenant: TenantView) -> None:
    session = await waiting_session(tenant)
    mark = Mark(online=True, online_changed_at=datetime.now(UTC))
    assert row_of(session, mark, online=False)["online_changed_ms"] is None
    assert row_of(session, mark, online=True)["online_changed_ms"] is not None


@pytest.mark.serves("V1")
async def test_a_message_nobody_answers_is_marked(tenant: TenantView, told: Told) -> None:
    ada = await make_user(tenant, "Ada")
    session = await waiting_session(tenant)
    await write(session, "core.file_added", customer(session))
    assert told.last["unread"] is True
    count = len(told.deltas)
    await write(session, "core.file_added", customer(session))
    assert len(told.deltas) == count, "the second message changes nothing"
    assert (await rows(tenant))["Carla"]["unread"] is True
    await write(session, "core.priority_set", agent(ada), internal=True)
    assert (await rows(tenant))["Carla"]["unread"] is True
    await write(session, "core.file_added", agent(ada))
    assert told.last["unread"] is False
    count = len(told.deltas)
    await write(session, "core.file_added", agent(ada))
    assert len(told.deltas) == count


@pytest.mark.serves("V1")
async def test_what_an_agent_has_open_is_not_unread(tenant: TenantView, told: Told) -> None:
    ada = await make_user(tenant, "Ada")
    session = await waiting_session(tenant)
    await service(Presence).join(tenant.id, session.id, "agent", str(ada.id))
    await later()
    count = len(told.deltas)
    await write(session, "core.file_added", customer(session))
    assert len(told.deltas) == count
    assert (await rows(tenant))["Carla"]["unread"] is False


@pytest.mark.serves("V1")
async def test_opening_a_session_takes_the_mark_away(tenant: TenantView, told: Told) -> None:
    session = await waiting_session(tenant)
    await write(session, "core.file_added", customer(session))
    await services.agent_presence(tenant, session, online=True)
    assert told.last["unread"] is False


@pytest.mark.parametrize("kind", ["core.customer_arrived", "core.link_opened", "no.such_type"])
async def test_not_everything_is_a_message(tenant: TenantView, told: Told, kind: str) -> None:
    session = await waiting_session(tenant)
    await write(session, kind, customer(session))
    assert (await rows(tenant))["Carla"]["unread"] is False


async def test_marks_go_with_the_session(tenant: TenantView, agent_browser: Browser) -> None:
    session = await waiting_session(tenant)
    await services.customer_presence(tenant, session, online=True)
    await later()
    assert await Mark.filter(tenant_id=tenant.id).count() == 1
    await act(agent_browser, session, "delete")
    ended = await get_session(tenant.id, session.id)
    await services.customer_presence(tenant, ended, online=False)
    await later()
    assert await Mark.filter(tenant_id=tenant.id).count() == 0


@pytest.mark.serves("V5")
@pytest.mark.parametrize(
    ("view", "status"), [("dark", 200), ("team", 200), ("pink", 400), ("", 400)]
)
async def test_a_view_is_remembered_if_there_is_one(
    agent_browser: Browser, view: str, status: int
) -> None:
    answer = await agent_browser.post("/teamview/view", form={"view": view})
    assert answer.status_code == status
    wanted = view if status == 200 else "team"
    home = await agent_browser.get("/teamview/")
    assert home.headers["Location"].endswith(f"/teamview/{wanted}")


@pytest.fixture
async def agent_browser(app: Any, tenant: TenantView) -> Browser:
    return await sign_in(app, tenant, await make_user(tenant, "Zoe"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/teamview/"),
        ("GET", "/teamview/team"),
        ("GET", "/teamview/dark"),
        ("POST", "/teamview/view"),
    ],
)
async def test_the_room_is_for_the_tenants_users(
    app: Any, tenant: TenantView, agent_browser: Browser, switch: Any, method: str, path: str
) -> None:
    session = await waiting_session(tenant)
    options: dict[str, Any] = {"form": {"view": "team"}} if method == "POST" else {}
    for stranger in (Browser(app, tenant), await enter(app, tenant, session)):
        assert (await stranger.open(path, method, **options)).status_code in {303, 401, 403}
    assert (await agent_browser.open(path, method, **options)).status_code in {200, 302}
    await switch(tenant, "teamview", on=False)
    assert (await agent_browser.open(path, method, **options)).status_code == 404


async def test_names_are_data_in_the_page(tenant: TenantView, agent_browser: Browser) -> None:
    await waiting_session(tenant, "</script><script>alert(1)</script>")
    page = await (await agent_browser.get("/teamview/team")).get_data(as_text=True)
    assert "<script>alert(1)" not in page


async def make_full(tenant: TenantView) -> None:
    """Let 301 customers wait."""
    ada = await make_user(tenant, "Ada")
    template = await waiting_session(tenant)
    await Session.bulk_create(
        [
            Session(
                id=UUID(int=i + 1),
                tenant_id=tenant.id,
                customer_id=template.customer_id,
                owner=ada,
                queue_id=template.queue_id,
                state="waiting",
                enqueued_at=datetime.now(UTC),
            )
            for i in range(300)
        ]
    )


async def test_a_full_room_is_read_quickly(tenant: TenantView) -> None:
    await make_full(tenant)
    began = time.perf_counter()
    assert len(await services.snapshot(tenant, cast("Any", None))) == 301
    assert time.perf_counter() - began < 0.5


@pytest.mark.serves("V1")
async def test_everybody_coming_back_at_once_is_told_together(
    tenant: TenantView, told: Told
) -> None:
    await make_full(tenant)
    told.deltas.clear()
    for i in range(300):
        await come(tenant, await get_session(tenant.id, UUID(int=i + 1)))
    async with asyncio.timeout(20):
        while sum(len(changed) for _, changed, _ in told.deltas) < 300:
            told.more.clear()
            await told.more.wait()
    assert len(told.deltas) < 150
    await waiting_session(tenant, "One more")
    assert told.last["customer"] == "One more", "the plugin was not taken for broken"
    assert await Mark.filter(tenant_id=tenant.id, online=True).count() == 300
