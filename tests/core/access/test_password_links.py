from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from quart import Quart

from core import password_links
from core.current import service
from core.i18n import Context, using
from core.models import Audit, Job, OneTimeLink, User
from core.tenancy import Tenancy, TenantView
from core.testing.application import PASSWORD, make_tenant, make_user
from tests.core.access.conftest import Clock, Postman, Visitor, text_of, work_off

NEW = "seven green kettles"


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


async def choose(visitor: Visitor, path: str, password: str = NEW, repeat: str = NEW) -> int:
    return (await visitor.post(path, {"password": password, "repeat": repeat})).status_code


@pytest.mark.serves("M3")
async def test_forgotten_password_is_replaced_with_a_link_by_mail(
    app: Quart, visitor: Visitor, ada: User, postman: Postman
) -> None:
    elsewhere = Visitor(app)
    await elsewhere.sign_in(ada.email, PASSWORD)
    asked = await visitor.post("/recover", {"email": "Ada@ACME.example "})
    assert "If there is a user with this address" in await text_of(asked)
    await work_off()
    [path] = postman.links(ada.email)
    assert PASSWORD not in postman.letters[0].text

    for _ in range(2):
        form = await text_of(await visitor.get(path))
        assert ada.email in form
    entered = await visitor.post(path, {"password": NEW, "repeat": NEW})
    assert entered.headers["Location"] == "/home"
    assert (await visitor.get("/account/")).status_code == 200
    assert (await elsewhere.get("/account/")).status_code == 303
    assert (await Visitor(app).sign_in(ada.email, PASSWORD)).status_code == 401
    assert (await Visitor(app).sign_in(ada.email, NEW)).status_code == 303
    assert await choose(Visitor(app), path) == 410
    assert (await visitor.get(path)).status_code == 410


@pytest.mark.serves("M3")
async def test_answer_does_not_show_who_has_an_account(
    app: Quart, ada: User, postman: Postman
) -> None:
    pages, jobs = [], []
    for email in (ada.email, "nobody@acme.example"):
        response = await Visitor(app).post("/recover", {"email": email})
        pages.append((response.status_code, len(await response.get_data())))
        jobs.append(await Job.filter(name=password_links.JOB).count())
    assert pages[0] == pages[1]
    assert jobs == [1, 2], "the work before the answer differs"
    await work_off()
    assert [letter.address for letter in postman.letters] == [ada.email]


@pytest.mark.serves("M3", "S-08")
async def test_mailbox_is_not_flooded_and_the_answer_stays_the_same(
    visitor: Visitor, ada: User, postman: Postman, clock: Clock
) -> None:
    answers = set()
    for _ in range(8):
        response = await visitor.post("/recover", {"email": ada.email})
        answers.add((response.status_code, len(await response.get_data())))
        await work_off()
    assert len(answers) == 1
    assert len(postman.letters) == 2


@pytest.mark.serves("S-08")
async def test_one_address_cannot_have_mails_sent_to_everybody(
    visitor: Visitor, clock: Clock
) -> None:
    codes = [
        (await visitor.post("/recover", {"email": f"u{n}@acme.example"})).status_code
        for n in range(15)
    ]
    assert codes.count(200) == 11
    assert codes[-1] == 429


@pytest.mark.serves("M2")
async def test_link_works_for_a_day(visitor: Visitor, tenant: TenantView, ada: User) -> None:
    url = await password_links.link_url(tenant, ada, password_links.FIRST)
    path = "/password/" + url.rpartition("/")[2]
    near, past = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC)
    query = OneTimeLink.filter(tenant_id=tenant.id, user_id=ada.id)
    await query.update(expires_at=near)
    assert (await visitor.get(path)).status_code == 200
    await query.update(expires_at=past)
    assert (await visitor.get(path)).status_code == 410
    assert await choose(visitor, path) == 410


@pytest.mark.serves("S-09")
async def test_link_is_kept_as_a_hash_and_cannot_be_guessed(tenant: TenantView, ada: User) -> None:
    tokens = set()
    for n in range(50):
        user = await make_user(tenant, f"User{n}")
        tokens.add((await password_links.link_url(tenant, user, "first")).rpartition("/")[2])
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 32
    rows = str(await OneTimeLink.filter(tenant_id=tenant.id).values())
    assert not any(token in rows for token in tokens)


async def test_link_of_one_tenant_opens_nothing_in_another(
    app: Quart, tenant: TenantView, other_tenant: TenantView, ada: User
) -> None:
    url = await password_links.link_url(tenant, ada, "first")
    path = "/password/" + url.rpartition("/")[2]
    assert (await Visitor(app).get(path)).status_code == 200
    assert (await Visitor(app, host="beta.localhost").get(path)).status_code == 410


async def test_weak_or_mistyped_password_does_not_use_the_link_up(
    visitor: Visitor, tenant: TenantView, ada: User
) -> None:
    url = await password_links.link_url(tenant, ada, "first")
    path = "/password/" + url.rpartition("/")[2]
    assert await choose(visitor, path, NEW, NEW + "!") == 400
    assert await choose(visitor, path, "short", "short") == 400
    assert await choose(visitor, path) == 303


async def test_using_one_link_uses_up_the_others_and_so_does_changing_the_password(
    visitor: Visitor, tenant: TenantView, ada: User
) -> None:
    paths = []
    for purpose in (password_links.FIRST, password_links.FORGOTTEN):
        url = await password_links.link_url(tenant, ada, purpose)
        paths.append("/password/" + url.rpartition("/")[2])
    assert await choose(visitor, paths[0]) == 303
    assert await choose(visitor, paths[1]) == 410

    url = await password_links.link_url(tenant, ada, password_links.FORGOTTEN)
    old_and_new = {"old": NEW, "new": PASSWORD, "repeat": PASSWORD}
    csrf = await visitor.token()
    assert (
        await visitor.post("/account/password", old_and_new | {"csrf": csrf})
    ).status_code == 303
    assert await choose(visitor, "/password/" + url.rpartition("/")[2]) == 410


async def test_mail_that_could_not_go_out_is_sent_later_with_the_same_link(
    tenant: TenantView, ada: User, postman: Postman
) -> None:
    postman.away = True
    await password_links.ask(tenant.id, password_links.FORGOTTEN, user_id=ada.id)
    await work_off()
    assert not postman.letters
    first = await OneTimeLink.get(tenant_id=tenant.id, user_id=ada.id)
    postman.away = False
    assert await Job.filter(name=password_links.JOB, status="todo").update(run_at_ms=0) == 1
    await work_off()
    assert len(postman.links(ada.email)) == 1
    assert (await OneTimeLink.get(tenant_id=tenant.id, user_id=ada.id)).id == first.id


@pytest.mark.serves("M2", "V33")
@pytest.mark.parametrize(
    ("language", "subject"),
    [(None, "A new password for Acme"), ("es", "Una contraseña nueva para Acme")],
)
async def test_mail_speaks_the_readers_language(
    tenant: TenantView, ada: User, postman: Postman, language: str | None, subject: str
) -> None:
    await User.filter(tenant_id=tenant.id, id=ada.id).update(language=language)
    with using(Context("ru")):
        await password_links.ask(tenant.id, password_links.FORGOTTEN, email=ada.email)
        await work_off()
    assert postman.letters[0].subject == subject


async def test_link_of_a_tenant_below_a_path_leads_there(app: Quart, postman: Postman) -> None:
    made = await make_tenant("gamma", ("postman",))
    gamma = await service(Tenancy).get(made.id)
    user = await make_user(gamma, "Gus")
    await password_links.ask(gamma.id, password_links.FIRST, user_id=user.id)
    await work_off()
    assert f"{gamma.url}/password/" in postman.letters[0].text
    [path] = postman.links(user.email)
    browser = Visitor(app, host="localhost", root="/t/gamma")
    assert (await browser.get(path)).status_code == 200


async def test_audit_log_tells_of_a_password_set_by_link(
    visitor: Visitor, tenant: TenantView, ada: User
) -> None:
    url = await password_links.link_url(tenant, ada, "forgotten")
    await choose(visitor, "/password/" + url.rpartition("/")[2])
    assert await Audit.exists(tenant_id=tenant.id, action="core.password_changed")
    rows = str(await Audit.filter(tenant_id=tenant.id).values())
    assert NEW not in rows
