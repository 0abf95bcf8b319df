"""Every refusal has a code of its own and speaks the reader's language."""

from __future__ import annotations

import importlib
import pkgutil
import string
from collections.abc import Iterator

import pytest
from quart import Quart

import core
import plugins
from core.errors import AppError
from core.i18n import Context, translate_error, using
from core.testing.application import Browser
from tests.security.house import text_of

NUMBERS = {"limit", "limit_mb", "retry_s", "count", "n"}


def refusals() -> list[type[AppError]]:
    for package in (core, plugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not {"tests", "testing", "migrations", "__main__"} & set(module.name.split(".")):
                importlib.import_module(module.name)
    return sorted({AppError, *_below(AppError)}, key=lambda kind: kind.code)


def _below(kind: type[AppError]) -> Iterator[type[AppError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith(("core.", "plugins.")) and ".test" not in child.__module__:
            yield child
            yield from _below(child)


KINDS = refusals()


def made(kind: type[AppError]) -> AppError:
    names = [name for _, name, _, _ in string.Formatter().parse(kind.message) if name]
    error = kind.__new__(kind)
    AppError.__init__(error, **{name: 5 if name in NUMBERS else "x" for name in names})
    return error


def test_codes_are_stable_words_and_nobody_shares_one() -> None:
    codes: dict[str, type[AppError]] = {}
    for kind in KINDS:
        assert codes.setdefault(kind.code, kind) is kind, (
            f"{kind} has the code of {codes[kind.code]}"
        )
        assert set(kind.code) <= set(string.ascii_lowercase + "-")
        assert 400 <= kind.status < 600
    assert len(codes) > 30


@pytest.mark.parametrize("language", ["es", "ru", "zh-Hans"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_refusal_is_translated(kind: type[AppError], language: str) -> None:
    error = made(kind)
    with using(Context(language)):
        told = translate_error(error)
    assert told
    assert told != str(error), f"{kind.__name__} is not translated"
    assert "{" not in told


async def test_program_gets_the_code_and_a_message_in_its_language(
    app: Quart, agent: Browser
) -> None:
    seen = set()
    for language in ("en", "es", "ru", "zh-Hans"):
        headers = {"Accept": "application/json", "Cookie": f"{agent.cookie}; lang={language}"}
        answer = await agent.get("/users/", headers=headers)
        assert answer.status_code == 403
        assert answer.mimetype == "application/problem+json"
        body = await answer.get_json()
        assert body.keys() == {"code", "message", "details"}
        assert body["code"] == "forbidden"
        seen.add(body["message"])
    assert len(seen) == 4


async def test_person_gets_a_page_without_details(app: Quart, agent: Browser) -> None:
    html = await text_of(await agent.get("/nowhere"))
    assert "There is no such page or record." in html
    for word in ("Traceback", "werkzeug", "quart", "File &#34;"):
        assert word not in html
