from __future__ import annotations

import asyncio
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher
from quart import Quart

from core import passwords, sign_ins
from core.bus import Bus
from core.current import service
from core.models import Audit, User
from core.passwords import WeakPassword, check_strength, hashed, matches
from core.tenancy import TenantView
from core.testing.application import PASSWORD, make_user
from tests.core.access.conftest import Clock, Visitor, text_of

NEW = "seven green kettles"


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


@pytest.mark.parametrize(
    "weak",
    [
        "short-9ch",
        "x" * 201,
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "poiuytrewq",
        "password123",
        "P@ssw0rd2026!",
        "contraseña1",
        "WelcomeWelcome1",
        "iloveyou2026",
        "пароль123456",
        "AdaLovelace1",
        "x-lovelace-x",
        "ada.l@acme.example",
    ],
)
@pytest.mark.serves("V31")
def test_weak_passwords_are_refused(weak: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(weak, ("Ada Lovelace", "ada.l@acme.example"))


@pytest.mark.parametrize(
    "fine",
    [PASSWORD, NEW, "ñandú corriendo lejos", "六月的雨下在海上没有声音", "mellow-password-tulip"],
)
@pytest.mark.serves("V31")
def test_good_passwords_are_taken(fine: str) -> None:
    check_strength(fine, ("Ada Lovelace", "ada.l@acme.example"))


async def test_same_letters_composed_differently_are_the_same_password() -> None:
    kept = await hashed("cafe\u0301 con leche y azu\u0301car")
    assert await matches(kept, "café con leche y azúcar")
    assert not await matches(kept, "cafe con leche y azucar")


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$v=19$m=8,t=1,p=1$x$y", "$2b$10$x"])
async def test_unreadable_hash_matches_nothing(stored: str) -> None:
    assert not await matches(stored, "plain text")


async def test_endless_password_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            lengths.append(len(password))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "hasher", Watched(1, 8, 1))
    assert not await matches(await hashed(""), "x" * 1_000_000)
    assert lengths == [0]


async def test_hashing_leaves_the_event_loop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hasher", PasswordHasher())
    stalled = 0.0

    async def watch() -> None:
        nonlocal stalled
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            stalled = max(stalled, time.perf_counter() - began)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await hashed("x")
    took = time.perf_counter() - began
    watching.cancel()
    assert stalled < took / 2


async def test_password_is_kept_as_argon2id_and_hashed_anew_when_parameters_grow(
    visitor: Visitor, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (ada.password_hash or "").startswith("$argon2id$")
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", stronger)
    await visitor.sign_in(ada.email, PASSWORD)
    now = await User.get(tenant_id=ada.tenant_id, id=ada.id)
    assert "m=16,t=2" in (now.password_hash or "")
    assert (await visitor.sign_in(ada.email, PASSWORD)).status_code == 303


async def change(visitor: Visitor, old: str, new: str, repeat: str | None = None) -> object:
    form = {"old": old, "new": new, "repeat": new if repeat is None else repeat}
    return await visitor.post("/account/password", form | {"csrf": await visitor.token()})


@pytest.mark.serves("V31", "S-06")
async def test_changing_the_password_ends_every_other_sign_in(
    app: Quart, visitor: Visitor, ada: User
) -> None:
    elsewhere = Visitor(app)
    await elsewhere.sign_in(ada.email, PASSWORD)
    await visitor.sign_in(ada.email, PASSWORD)
    before = Visitor(app, cookies=dict(visitor.cookies))
    told: list[int] = []

    async def heard(body: dict[str, list[int]]) -> None:
        told.extend(body["ids"])

    service(Bus).on(sign_ins.ENDED, heard)
    rows = await sign_ins.of_user(ada.tenant_id, ada.id)

    changed = await change(visitor, PASSWORD, NEW)
    assert changed.status_code == 303  # type: ignore[attr-defined]
    page = await text_of(await visitor.get("/account/?done=password"))
    assert "Your password was changed." in page
    assert "Return to home" in page
    assert (await elsewhere.get("/account/")).status_code == 303
    assert (await before.get("/account/")).status_code == 303, "the old cookie still works"
    assert set(told) == {row.id for row in rows}

    assert (await Visitor(app).sign_in(ada.email, PASSWORD)).status_code == 401
    assert (await Visitor(app).sign_in(ada.email, NEW)).status_code == 303
    assert await Audit.exists(tenant_id=ada.tenant_id, action="core.password_changed")


@pytest.mark.serves("V31")
@pytest.mark.parametrize(
    ("old", "new", "repeat", "says"),
    [
        pytest.param("wrong password", NEW, None, "The old password is wrong.", id="old"),
        pytest.param(PASSWORD, NEW, NEW + "x", "are not the same", id="repeat"),
        pytest.param(PASSWORD, "short", None, "Use 10 characters or more.", id="short"),
        pytest.param(PASSWORD, "acme-and-ada@acme", None, "", id="address"),
        pytest.param(PASSWORD, PASSWORD, None, "must differ", id="same"),
    ],
)
async def test_password_is_not_changed(
    visitor: Visitor, ada: User, old: str, new: str, repeat: str | None, says: str
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    answer = await change(visitor, old, new, repeat)
    assert answer.status_code in {400, 403}  # type: ignore[attr-defined]
    html = await text_of(answer)  # type: ignore[arg-type]
    assert 'role="alert"' in html
    assert says in html
    assert new not in html
    assert (await User.get(tenant_id=ada.tenant_id, id=ada.id)).password_hash == ada.password_hash


@pytest.mark.serves("S-08")
async def test_old_password_cannot_be_guessed_from_an_open_page(
    visitor: Visitor, ada: User, clock: Clock
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    csrf = await visitor.token()
    judged = 0
    for n in range(40):
        form = {"old": f"guess {n}", "new": NEW, "repeat": NEW, "csrf": csrf}
        judged += (await visitor.post("/account/password", form)).status_code == 403
        clock.tick(seconds=60)
    assert judged <= 10


async def test_sign_ins_are_listed_and_one_can_be_ended(
    app: Quart, visitor: Visitor, ada: User, tenant: TenantView
) -> None:
    firefox = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"}
    other, eve = Visitor(app), await make_user(tenant, "Eve")
    await other.post("/sign-in", {"email": ada.email, "password": PASSWORD}, headers=firefox)
    await visitor.sign_in(ada.email, PASSWORD)
    assert "Firefox, Linux" in await text_of(await visitor.get("/account/"))

    csrf = await visitor.token()
    foreign = await sign_ins.begin_user(eve)
    [evil] = await sign_ins.of_user(tenant.id, eve.id)
    refused = await visitor.post(f"/account/sign-ins/{evil.id}/end", {"csrf": csrf})
    assert refused.status_code == 404
    assert await sign_ins.find(tenant.id, foreign)

    [theirs] = [r for r in await sign_ins.of_user(tenant.id, ada.id) if "Firefox" in r.device]
    await visitor.post(f"/account/sign-ins/{theirs.id}/end", {"csrf": csrf})
    assert (await other.get("/account/")).status_code == 303
    assert (await visitor.get("/account/")).status_code == 200


async def test_signing_out_everywhere_else(app: Quart, visitor: Visitor, ada: User) -> None:
    others = [Visitor(app) for _ in range(3)]
    for one in (*others, visitor):
        await one.sign_in(ada.email, PASSWORD)
    await visitor.post("/account/sign-ins/end-others", {"csrf": await visitor.token()})
    assert [(await one.get("/account/")).status_code for one in others] == [303] * 3
    assert (await visitor.get("/account/")).status_code == 200


@pytest.mark.serves("V33")
async def test_language_of_the_account_goes_with_the_person(
    app: Quart, visitor: Visitor, ada: User
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    csrf = await visitor.token()
    await visitor.post("/account/language", {"language": "es", "csrf": csrf})
    elsewhere = Visitor(app)
    await elsewhere.sign_in(ada.email, PASSWORD)
    html = await text_of(await elsewhere.get("/account/"))
    assert '<html lang="es"' in html
    assert "Cambiar la contraseña" in html
    chosen = await text_of(await elsewhere.get("/account/?lang=ru"))
    assert '<html lang="ru"' in chosen
    bad = await visitor.post("/account/language", {"language": "tlh", "csrf": csrf})
    assert bad.status_code == 400
