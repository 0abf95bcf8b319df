from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from quart import Quart

from core import sessions, sign_ins, users
from core.bus import Bus
from core.current import service
from core.lifecycle import SessionState
from core.models import Audit, Plan, Session, User
from core.tenancy import Tenancy, TenantView
from core.testing.application import PASSWORD, invited_session, make_user, waiting_session
from core.timeline import Timeline
from core.values import Actor
from tests.core.access.conftest import Postman, Visitor, text_of, together, work_off

NEW = {"name": "Cy Young", "email": "Cy@acme.example", "role": "agent"}


@pytest.fixture
async def bo(tenant: TenantView) -> User:
    return await make_user(tenant, "Bo", "administrator")


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


class Desk:
    """A signed-in browser that sends the token along."""

    def __init__(self, visitor: Visitor, csrf: str) -> None:
        self.visitor, self.csrf = visitor, csrf

    async def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> Any:
        return await self.visitor.post(path, (form or {}) | {"csrf": self.csrf}, **options)

    async def json(self, path: str, body: Any, method: str = "POST") -> Any:
        headers = {"Accept": "application/json", "X-CSRF-Token": self.csrf}
        return await self.visitor.open(path, method, json=body, headers=headers)

    async def page(self, path: str) -> str:
        return await text_of(await self.visitor.get(path))


@pytest.fixture
async def boss(visitor: Visitor, bo: User) -> Desk:
    await visitor.sign_in(bo.email, PASSWORD)
    return Desk(visitor, await visitor.token())


@pytest.mark.serves("V28", "V30", "M2")
async def test_new_user_gets_a_link_and_chooses_his_own_password(
    app: Quart, boss: Desk, tenant: TenantView, postman: Postman
) -> None:
    made = await boss.post("/users/new", NEW)
    assert made.headers["Location"] == "/users/?done=created"
    page = await boss.page("/users/?done=created")
    assert "Cy Young" in page
    assert "invited" in page
    await work_off()
    [path] = postman.links("cy@acme.example")
    browser = Visitor(app)
    chosen = await browser.post(path, {"password": "mellow tulip 77", "repeat": "mellow tulip 77"})
    assert chosen.status_code == 303
    assert (await browser.get("/account/")).status_code == 200
    assert "invited" not in await boss.page("/users/")


@pytest.mark.serves("V28", "V29")
async def test_agents_do_not_see_the_page(app: Quart, ada: User, bo: User) -> None:
    browser = Visitor(app)
    await browser.sign_in(ada.email, PASSWORD)
    agent = Desk(browser, await browser.token())
    for path in ("/users/", "/users/new", f"/users/{bo.id}"):
        assert (await browser.get(path)).status_code == 403
    attempts = [
        agent.post("/users/new", NEW),
        agent.post(f"/users/{ada.id}", {"role": "administrator"}),
        agent.post(f"/users/{bo.id}/delete"),
        agent.post(f"/users/{bo.id}/link"),
    ]
    assert [r.status_code for r in await together(*attempts)] == [403] * 4
    assert (await users.get(ada.tenant_id, ada.id)).role == "agent"


@pytest.mark.serves("V28")
async def test_number_of_users_is_limited_by_the_plan(
    boss: Desk, tenant: TenantView, ada: User, allow_users: Callable[..., Any]
) -> None:
    assert "2 users" in await boss.page("/users/")
    await allow_users(3)
    assert "2 of 3 users" in await boss.page("/users/")
    assert (await boss.post("/users/new", NEW)).status_code == 303
    full = await boss.page("/users/")
    assert "3 of 3 users" in full
    assert "Your plan allows 3 users." in full
    assert 'href="/users/new"' not in full
    refused = await boss.post("/users/new", NEW | {"email": "d@acme.example"})
    assert refused.status_code == 403
    html = await text_of(refused)
    assert "Your plan allows 3 users." in html
    assert 'value="Cy Young"' in html, "what was typed is lost"

    gone = await User.get(tenant_id=tenant.id, email="cy@acme.example")
    await boss.post(f"/users/{gone.id}/delete")
    assert (await boss.post("/users/new", NEW | {"email": "d@acme.example"})).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("email", "bo@acme.example", 409),
        ("email", "no address", 400),
        ("email", "", 400),
        ("name", "", 400),
        ("name", " " * 10, 400),
        ("name", "x" * 121, 400),
        ("name", "x" * 5000, 400),
        ("role", "owner", 400),
        ("language", "tlh", 400),
    ],
)
async def test_bad_users_are_not_made(
    boss: Desk, tenant: TenantView, field: str, value: str, status: int
) -> None:
    answer = await boss.post("/users/new", NEW | {field: value})
    assert answer.status_code == status
    assert len(await users.listed(tenant.id)) == 1


@pytest.mark.serves("M13")
async def test_edit_touches_only_the_fields_in_the_form(
    boss: Desk, tenant: TenantView, ada: User
) -> None:
    await User.filter(tenant_id=tenant.id, id=ada.id).update(language="ru")
    before = await User.filter(tenant_id=tenant.id, id=ada.id).values()
    assert (await boss.post(f"/users/{ada.id}", {"name": "Ada King"})).status_code == 303
    after = await User.filter(tenant_id=tenant.id, id=ada.id).values()
    assert {k: v for k, v in after[0].items() if before[0][k] != v} == {"name": "Ada King"}
    patched = await boss.json(f"/users/{ada.id}", {"language": "es"}, "PATCH")
    assert (await patched.get_json())["language"] == "es"
    assert (await users.get(tenant.id, ada.id)).name == "Ada King"
    assert "Ada King" in await boss.page(f"/users/{ada.id}")


@pytest.mark.serves("S-10")
async def test_no_column_can_be_written_that_the_form_does_not_have(
    boss: Desk, tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    before = await User.filter(tenant_id=tenant.id).order_by("id").values()
    shown = {"name", "email", "role", "language"}
    columns = set(User._meta.fields_map) | {"tenant_id", "is_admin", "password", "csrf_token", ""}
    for column in columns - shown:
        body = {column: other_tenant.id}
        assert (await boss.post(f"/users/{ada.id}", body)).status_code == 400, column
        assert (await boss.json(f"/users/{ada.id}", body, "PATCH")).status_code == 400, column
        assert (await boss.post("/users/new", NEW | body)).status_code == 400, column
        assert (await boss.post("/account/language", {"language": ""} | body)).status_code == 400
    assert await User.filter(tenant_id=tenant.id).order_by("id").values() == before


@pytest.mark.parametrize(
    "body",
    ["", "[", "[]", "null", "1", '{"name": 1}', '{"name": null}', '{"name": {"x": 1}}', "{" * 5000],
)
async def test_hostile_json_is_a_clear_refusal(boss: Desk, ada: User, body: str) -> None:
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-CSRF-Token": boss.csrf,
    }
    answer = await boss.visitor.open(f"/users/{ada.id}", "PATCH", data=body, headers=headers)
    assert answer.status_code == 400
    assert (await answer.get_json())["code"] == "bad-input"


async def test_field_sent_twice_is_refused(boss: Desk, ada: User) -> None:
    answer = await boss.visitor.open(
        f"/users/{ada.id}",
        "POST",
        data="role=agent&role=administrator",
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-CSRF-Token": boss.csrf,
        },
    )
    assert answer.status_code == 400


@pytest.mark.serves("S-01")
async def test_users_of_another_tenant_do_not_exist(boss: Desk, other_tenant: TenantView) -> None:
    mallory = await make_user(other_tenant, "Mallory")
    answers = [
        await boss.visitor.get(f"/users/{mallory.id}"),
        await boss.post(f"/users/{mallory.id}", {"name": "Mine"}),
        await boss.post(f"/users/{mallory.id}/delete"),
        await boss.post(f"/users/{mallory.id}/link"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    kept = await users.get(other_tenant.id, mallory.id)
    assert (kept.name, kept.deleted_at) == ("Mallory", None)


@pytest.mark.serves("V30")
async def test_successor_of_another_tenant_is_refused(
    boss: Desk, tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    session, _ = await invited_session(tenant, ada)
    mallory = await make_user(other_tenant, "Mallory")
    for successor in (mallory.id, ada.id, 999_999):
        answer = await boss.post(f"/users/{ada.id}/delete", {"successor": str(successor)})
        assert answer.status_code in {400, 404}
    assert (await Session.get(tenant_id=tenant.id, id=session.id)).owner_id == ada.id


@pytest.mark.serves("V30")
async def test_deleting_hands_open_sessions_over_and_keeps_the_history(
    app: Quart, boss: Desk, tenant: TenantView, ada: User, bo: User
) -> None:
    as_ada = Actor("agent", str(ada.id), ada.name)
    invited, _ = await invited_session(tenant, ada)
    attended = await waiting_session(tenant, "Dora")
    place = attended.enqueued_at
    await sessions.attend(tenant, attended.id, as_ada)
    old, _ = await invited_session(tenant, ada)
    await sessions.delete(tenant, old.id, as_ada)
    hers = Visitor(app)
    await hers.sign_in(ada.email, PASSWORD)

    page = await boss.page(f"/users/{ada.id}")
    assert "Who takes over his 2 open sessions?" in page
    without = await boss.post(f"/users/{ada.id}/delete")
    assert without.status_code == 409
    assert "Choose who takes them over." in await text_of(without)
    assert (await hers.get("/account/")).status_code == 200

    done = await boss.post(f"/users/{ada.id}/delete", {"successor": str(bo.id)})
    assert done.headers["Location"] == "/users/?done=deleted"
    assert (await hers.get("/account/")).status_code == 303
    assert (await Visitor(app).sign_in(ada.email, PASSWORD)).status_code == 401

    now = {row.id: row for row in await Session.filter(tenant_id=tenant.id)}
    assert now[invited.id].owner_id == bo.id
    assert (now[attended.id].owner_id, now[attended.id].agent_id) == (bo.id, None)
    assert now[attended.id].state is SessionState.WAITING
    assert now[attended.id].enqueued_at == place
    assert now[old.id].owner_id == ada.id, "a session that is over keeps who it was"
    events = await service(Timeline).read(tenant.id, attended.id)
    assert [event.type for event in events][-2:] == ["core.agent_left", "core.owner_changed"]
    assert any(event.actor.name == "Ada" for event in events)
    assert "Ada" not in await boss.page("/users/")


@pytest.mark.serves("V30")
async def test_somebody_who_comes_back_has_his_history(
    boss: Desk, tenant: TenantView, ada: User
) -> None:
    await boss.post(f"/users/{ada.id}/delete")
    again = await boss.post("/users/new", {"name": "Ada K.", "email": ada.email})
    assert again.status_code == 303
    back = await users.get(tenant.id, ada.id)
    assert (back.name, back.password_hash) == ("Ada K.", None)


@pytest.mark.serves("V29", "V30")
async def test_last_administrator_stays(boss: Desk, tenant: TenantView, bo: User) -> None:
    demoted = await boss.post(f"/users/{bo.id}", {"role": "agent"})
    deleted = await boss.post(f"/users/{bo.id}/delete")
    assert (demoted.status_code, deleted.status_code) == (409, 409)
    assert "This is the last administrator." in await text_of(deleted)
    await make_user(tenant, "Di", "administrator")
    assert (await boss.post(f"/users/{bo.id}", {"role": "agent"})).status_code == 303
    assert (await boss.visitor.get("/users/")).status_code == 403


@pytest.mark.serves("S-05")
async def test_every_process_is_told_of_a_new_role_and_of_a_deletion(
    app: Quart, boss: Desk, ada: User
) -> None:
    hers = Visitor(app)
    await hers.sign_in(ada.email, PASSWORD)
    changed: list[int] = []
    ended: list[int] = []

    async def on_change(body: dict[str, int]) -> None:
        changed.append(body["user"])

    async def on_end(body: dict[str, list[int]]) -> None:
        ended.extend(body["ids"])

    service(Bus).on(sign_ins.USER_CHANGED, on_change)
    service(Bus).on(sign_ins.ENDED, on_end)
    await boss.post(f"/users/{ada.id}", {"role": "administrator"})
    assert changed == [ada.id]
    assert (await hers.get("/users/")).status_code == 200
    [row] = await sign_ins.of_user(ada.tenant_id, ada.id)
    await boss.post(f"/users/{ada.id}/delete")
    assert changed == [ada.id, ada.id]
    assert ended == [row.id]


async def test_links_to_the_old_mailbox_die_when_the_address_changes(
    app: Quart, boss: Desk, tenant: TenantView, ada: User, postman: Postman
) -> None:
    await boss.post(f"/users/{ada.id}/link")
    await work_off()
    [path] = postman.links(ada.email)
    await boss.post(f"/users/{ada.id}", {"email": "new@acme.example"})
    assert (await Visitor(app).get(path)).status_code == 410


@pytest.mark.serves("S-02")
async def test_names_are_shown_as_text(boss: Desk) -> None:
    name = "<script>alert(1)</script>"
    await boss.post("/users/new", NEW | {"name": name})
    for path in ("/users/", "/audit/"):
        assert name not in await boss.page(path)
    assert "&lt;script&gt;" in await boss.page("/users/")


async def test_audit_log_tells_administrators_what_was_done(
    boss: Desk, tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    await boss.post(f"/users/{ada.id}", {"name": "Ada King"})
    await boss.post(f"/users/{ada.id}/delete")
    page = await boss.page("/audit/")
    assert page.index("Deleted a user") < page.index("Changed a user")
    assert "Bo" in page
    rows = await Audit.filter(tenant_id=tenant.id, action="core.user_changed")
    assert rows[0].details == {"fields": ["name"]}
    assert await Audit.filter(tenant_id=other_tenant.id).count() == 0


async def test_audit_log_is_read_page_by_page(boss: Desk, tenant: TenantView) -> None:
    for n in range(120):
        await Audit.create(tenant_id=tenant.id, actor="system", action=f"test.{n}")
    headers = {"Accept": "application/json"}
    seen: list[int] = []
    path = "/audit/"
    while path:
        body = await (await boss.visitor.get(path, headers=headers)).get_json()
        seen += [entry["id"] for entry in body["entries"]]
        path = f"/audit/?before={body['before']}" if body["before"] else ""
    assert len(seen) == len(set(seen)) == 121
    assert seen == sorted(seen, reverse=True)
    assert "Older" in await boss.page("/audit/")
    for bad in ("x", "-1", "1e5", "9" * 30):
        assert (await boss.visitor.get(f"/audit/?before={bad}")).status_code == 400


@pytest.mark.parametrize("language", ["en", "es", "ru", "zh-Hans"])
async def test_pages_speak_every_language(
    boss: Desk, ada: User, language: str, tenant: TenantView
) -> None:
    await Plan.filter(name="plan-acme").update(limits={"users": 2})
    await service(Tenancy).touch(tenant.id)
    for path in ("/users/", "/users/new", f"/users/{ada.id}", "/account/", "/audit/"):
        response = await boss.visitor.get(f"{path}?lang={language}")
        assert response.status_code == 200
        assert f'<html lang="{language}"' in await text_of(response)
