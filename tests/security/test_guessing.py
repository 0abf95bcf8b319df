"""Guessing from one address and from many, over HTTP as attackers do."""

from __future__ import annotations

import asyncio

import pytest
from quart import Quart

from core.testing.application import PASSWORD
from tests.security.house import Cast, House


async def guess(cast: Cast, email: str, password: str, **headers: str) -> int:
    form = {"email": email, "password": password}
    return int((await cast.nobody.post("/sign-in", form=form, headers=headers)).status_code)


@pytest.mark.serves("S-08")
async def test_two_hundred_addresses_get_ten_guesses_at_one_account(
    app: Quart, cast: Cast, acme: House
) -> None:
    client = app.test_client(use_cookies=False)

    async def from_address(number: int) -> int:
        answer = await client.post(
            "/sign-in",
            form={"email": acme.agent.email, "password": f"guess {number}"},
            headers={"Host": "acme.localhost", "Origin": "http://acme.localhost"},
            scope_base={"client": (f"198.51.100.{number % 200}", 1)},
        )
        return int(answer.status_code)

    found = await asyncio.gather(*(from_address(number) for number in range(200)))
    assert set(found) == {401, 429}
    assert found.count(401) <= 10
    assert await guess(cast, acme.agent.email, PASSWORD) == 429, "the right one is a guess, too"


@pytest.mark.serves("S-08")
async def test_address_that_is_only_claimed_is_no_address_of_its_own(
    cast: Cast, acme: House
) -> None:
    found = []
    for number in range(60):
        claim = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
        found.append(await guess(cast, f"user{number}@acme.example", "a guess 26", **claim))
    assert 429 in found
    assert found.count(401) <= 52


@pytest.mark.serves("S-08")
async def test_other_device_of_the_real_user_is_not_locked_out(cast: Cast, acme: House) -> None:
    form = {"email": acme.agent.email, "password": PASSWORD}
    known = await cast.nobody.post("/sign-in", form=form)
    cookies = [line.partition(";")[0] for line in known.headers.getlist("Set-Cookie")]
    [device] = [cookie for cookie in cookies if "_device=" in cookie]
    for number in range(12):
        await guess(cast, acme.agent.email, f"guess {number}")
    assert await guess(cast, acme.agent.email, PASSWORD) == 429
    assert await guess(cast, acme.agent.email, PASSWORD, Cookie=device) == 303
