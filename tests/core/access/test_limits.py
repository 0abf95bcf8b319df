from __future__ import annotations

from contextlib import suppress

import pytest
from quart import Quart

from core import throttle
from core.credentials import Attempt, WrongCredentials, authenticate, known_device
from core.errors import TooMany
from core.models import Throttle, User
from core.tenancy import TenantView
from core.testing.application import PASSWORD, make_user
from tests.core.access.conftest import Clock, Visitor


@pytest.fixture
async def ada(tenant: TenantView) -> User:
    return await make_user(tenant, "Ada")


def guess(email: str, n: int, address: str = "192.0.2.1", device: str = "") -> Attempt:
    return Attempt(email, f"guess number {n}", address, device)


async def judged(
    tenant: TenantView, clock: Clock, *, every_s: float, hours: float, email: str
) -> int:
    """Guess for some hours without a break; return how many guesses were judged."""
    count = 0
    for n in range(int(hours * 3600 / every_s)):
        try:
            await authenticate(tenant.id, guess(email, n))
        except WrongCredentials:
            count += 1
        except TooMany:
            pass
        clock.tick(seconds=every_s)
    return count


@pytest.mark.serves("S-08")
async def test_ten_guesses_an_hour_and_then_one_each_hour(
    tenant: TenantView, ada: User, clock: Clock
) -> None:
    assert await judged(tenant, clock, every_s=5, hours=1, email=ada.email) == 10
    assert await judged(tenant, clock, every_s=60, hours=4, email=ada.email) <= 4


@pytest.mark.serves("S-08")
async def test_unknown_accounts_are_limited_as_well(tenant: TenantView, clock: Clock) -> None:
    assert await judged(tenant, clock, every_s=10, hours=0.9, email="nobody@acme.example") == 10


@pytest.mark.serves("S-08")
async def test_one_address_cannot_try_every_account(tenant: TenantView, clock: Clock) -> None:
    count = 0
    for n in range(300):
        try:
            await authenticate(tenant.id, guess(f"user{n}@acme.example", n))
        except WrongCredentials:
            count += 1
        except TooMany:
            pass
    assert count == 51


@pytest.mark.serves("S-08")
async def test_guesses_of_strangers_do_not_lock_out_a_known_device(
    app: Quart, tenant: TenantView, visitor: Visitor, ada: User, clock: Clock
) -> None:
    await visitor.sign_in(ada.email, PASSWORD)
    await judged(tenant, clock, every_s=20, hours=0.5, email=ada.email)
    assert (await visitor.get("/account/")).status_code == 200
    await visitor.post("/sign-out")

    locked = await Visitor(app).sign_in(ada.email, PASSWORD)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 3600
    assert (await visitor.sign_in(ada.email, PASSWORD)).status_code == 303


@pytest.mark.serves("S-08")
async def test_device_cookie_is_of_one_user_and_cannot_be_made_up(
    tenant: TenantView, other_tenant: TenantView, ada: User, clock: Clock
) -> None:
    eve = await make_user(tenant, "Eve")
    namesake = await make_user(other_tenant, "Ada")
    await User.filter(tenant_id=other_tenant.id, id=namesake.id).update(email=ada.email)
    namesake.email = ada.email
    await judged(tenant, clock, every_s=20, hours=0.3, email=ada.email)
    for device in (known_device(eve), known_device(namesake), "a.b", ".", "", "é.é"):
        with pytest.raises(TooMany):
            await authenticate(tenant.id, guess(ada.email, 0, device=device))


@pytest.mark.serves("S-08")
async def test_known_device_has_ten_tries_of_its_own(
    tenant: TenantView, ada: User, clock: Clock
) -> None:
    device, count = known_device(ada), 0
    for n in range(200):
        try:
            await authenticate(tenant.id, guess(ada.email, n, device=device))
        except WrongCredentials:
            count += 1
        except TooMany:
            pass
        clock.tick(seconds=15)
    assert count == 10


async def test_right_password_is_no_guess(tenant: TenantView, ada: User, clock: Clock) -> None:
    for _ in range(60):
        await authenticate(tenant.id, Attempt(ada.email, PASSWORD, "192.0.2.1"))


@pytest.mark.serves("S-08")
async def test_right_password_does_not_win_back_guesses(
    tenant: TenantView, ada: User, clock: Clock
) -> None:
    wrong = 0
    for n in range(40):
        try:
            await authenticate(tenant.id, guess(ada.email, n))
        except WrongCredentials:
            wrong += 1
        except TooMany:
            pass
        with suppress(TooMany):
            await authenticate(tenant.id, Attempt(ada.email, PASSWORD))
        clock.tick(seconds=80)
    assert wrong <= 10


@pytest.mark.serves("S-08")
async def test_counters_outlive_the_process_and_name_nobody(
    tenant: TenantView, ada: User, clock: Clock
) -> None:
    await judged(tenant, clock, every_s=20, hours=0.2, email=ada.email)
    rows = await Throttle.filter(tenant_id=tenant.id).values()
    assert any(row["failures"] >= 9 for row in rows)
    assert "ada" not in str(rows)
    assert "192.0.2" not in str(rows)


async def test_tenants_count_apart(
    tenant: TenantView, other_tenant: TenantView, ada: User, clock: Clock
) -> None:
    await judged(tenant, clock, every_s=20, hours=0.2, email=ada.email)
    with pytest.raises(WrongCredentials):
        await authenticate(other_tenant.id, guess(ada.email, 1))


async def test_a_day_later_all_is_forgotten(tenant: TenantView, ada: User, clock: Clock) -> None:
    await judged(tenant, clock, every_s=20, hours=0.3, email=ada.email)
    clock.tick(hours=25)
    await throttle.sweep()
    assert await Throttle.filter(tenant_id=tenant.id).count() == 0
    assert (await authenticate(tenant.id, Attempt(ada.email, PASSWORD))).id == ada.id


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, counts_as: str) -> None:
    assert throttle.network(address) == counts_as


async def test_waiting_is_told_to_people_and_programs(
    visitor: Visitor, ada: User, clock: Clock
) -> None:
    for n in range(4):
        await visitor.sign_in(ada.email, f"wrong {n}")
    page = await visitor.sign_in(ada.email, PASSWORD)
    assert page.status_code == 429
    assert page.headers["Retry-After"] == "5"
    assert "Please wait 5 seconds." in await page.get_data(as_text=True)
    body = await visitor.post(
        "/sign-in",
        {"email": ada.email, "password": PASSWORD},
        headers={"Accept": "application/json"},
    )
    assert body.headers["Retry-After"] == "5"
    assert (await body.get_json())["code"] == "too-many-requests"
