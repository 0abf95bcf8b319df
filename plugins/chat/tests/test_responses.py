"""Quick responses: whose they are, who may change them, what they may say."""

from __future__ import annotations

from typing import Any

import pytest

from core.testing.application import Browser, make_user, sign_in

JSON = {"Accept": "application/json"}


async def add(who: Browser, **form: str) -> Any:
    values = {"title": "Hours", "text": "We are open until 8."} | form
    return await who.post("/chat/responses", form=values)


async def offered(who: Browser) -> list[str]:
    answer = await who.get("/chat/responses.json", headers=JSON)
    return [one["title"] for one in await answer.get_json()]


@pytest.mark.serves("C14")
async def test_private_ones_are_offered_to_their_owner_and_global_ones_to_everybody(
    app: Any, tenant: Any, agent: Browser, administrator: Browser
) -> None:
    assert (await add(agent, title="Mine")).status_code == 303
    assert (await add(administrator, title="Ours", for_all="on")).status_code == 303
    assert await offered(agent) == ["Mine", "Ours"]
    assert await offered(administrator) == ["Ours"]
    page = await (await agent.get("/chat/responses")).get_data(as_text=True)
    assert "Mine" in page
    assert "Ours" in page


@pytest.mark.serves("C14")
async def test_only_administrators_manage_those_for_everybody(
    agent: Browser, administrator: Browser
) -> None:
    assert (await add(agent, for_all="on")).status_code == 403
    await add(administrator, title="Ours", for_all="on")
    for path in ("1", "1/delete"):
        answer = await agent.post(f"/chat/responses/{path}", form={"title": "x", "text": "y"})
        assert answer.status_code == 403
    assert (await agent.get("/chat/responses/1")).status_code == 403
    assert await offered(agent) == ["Ours"]
    # Making it private would take it away from the others: that, too, is managing.
    await add(agent, title="Mine")
    taken = {"title": "Mine", "text": "x", "for_all": "on"}
    assert (await agent.post("/chat/responses/2", form=taken)).status_code == 403


async def test_a_private_one_of_a_colleague_or_another_tenant_does_not_exist(
    app: Any, tenant: Any, agent: Browser, administrator: Browser, foreign_administrator: Browser
) -> None:
    await add(agent, title="Mine")
    for who in (administrator, foreign_administrator):
        assert (await who.get("/chat/responses/1")).status_code == 404
        form = {"title": "x", "text": "y"}
        assert (await who.post("/chat/responses/1", form=form)).status_code == 404
        assert (await who.post("/chat/responses/1/delete")).status_code == 404
        assert await offered(who) == []
    assert await offered(agent) == ["Mine"]


async def test_the_owner_changes_and_deletes_his_own(agent: Browser) -> None:
    await add(agent, title="Mine")
    form = {"title": "Renamed", "text": "Until 9.", "language": "es"}
    assert (await agent.post("/chat/responses/1", form=form)).status_code == 303
    (one,) = await (await agent.get("/chat/responses.json", headers=JSON)).get_json()
    assert one == {"id": 1, "title": "Renamed", "text": "Until 9.", "language": "es", "own": True}
    assert (await agent.post("/chat/responses/1/delete")).status_code == 303
    assert await offered(agent) == []


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        pytest.param({"title": ""}, "between 1 and 80", id="no title"),
        pytest.param({"title": "\u200b"}, "between 1 and 80", id="invisible title"),
        pytest.param({"title": "x" * 81}, "between 1 and 80", id="long title"),
        pytest.param({"text": " "}, "between 1 and 4000", id="no text"),
        pytest.param({"text": "x" * 4001}, "between 1 and 4000", id="long text"),
        pytest.param({"text": "Dear {client}"}, "{client}", id="unknown variable"),
        pytest.param({"text": "{customer.__class__}"}, "{customer.__class__}", id="attribute"),
        pytest.param({"language": "tlh"}, "not a language", id="unknown language"),
        pytest.param({"owner": "1"}, "unknown field", id="a field more"),
    ],
)
async def test_what_does_not_fit_is_said_at_its_field_and_nothing_typed_is_lost(
    agent: Browser, form: dict[str, str], shown: str
) -> None:
    answer = await add(agent, **form)
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert shown in page
    if form.get("text", "x").strip() and "text" not in form:
        assert "We are open until 8." in page
    assert await offered(agent) == []


async def test_known_variables_are_kept_for_the_moment_of_use(agent: Browser) -> None:
    text = "Dear {customer}, {agent} of {tenant}"
    assert (await add(agent, text=text)).status_code == 303
    (one,) = await (await agent.get("/chat/responses.json", headers=JSON)).get_json()
    assert one["text"] == text


async def test_a_role_without_the_permission_sees_none(app: Any, tenant: Any) -> None:
    clerk = await sign_in(app, tenant, await make_user(tenant, "Kim", role="clerk"))
    assert (await clerk.get("/chat/responses")).status_code == 403
    assert (await clerk.get("/chat/responses.json")).status_code == 403
