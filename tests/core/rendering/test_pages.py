"""What every page carries: headers, import map, assets, words, menu."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from quart import Quart, Response

from core.tenancy import TenantView
from core.testing.application import Browser


def directives(response: Response) -> dict[str, str]:
    policy = response.headers["Content-Security-Policy"]
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


def import_map(html: str) -> dict[str, str]:
    source = re.search(r'<script type="importmap"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert source
    return orjson.loads(source[1])["imports"]  # type: ignore[no-any-return]


@pytest.mark.serves("S-04")
async def test_pages_have_a_strict_policy_with_a_fresh_nonce(agent: Browser) -> None:
    first, second = await agent.get("/teamview/team"), await agent.get("/teamview/team")
    policy = directives(first)
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in first.headers["Content-Security-Policy"]
    assert policy["script-src"] != directives(second)["script-src"]
    html = await first.get_data(as_text=True)
    nonce = re.search(r"'nonce-([^']+)'", policy["script-src"])
    assert nonce
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", html):
        assert f'nonce="{nonce[1]}"' in tag
    assert not re.search(
        r"\sstyle=|\son[a-z]+=", re.sub(r"<script.*?</script>", "", html, flags=re.S)
    )


async def test_answers_have_the_guarding_headers(agent: Browser) -> None:
    for path in ("/teamview/team", "/healthz", "/no-such-page"):
        headers = (await agent.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "camera=(self)" in headers["Permissions-Policy"]


async def test_the_import_map_leads_to_files_that_exist(agent: Browser) -> None:
    html = await (await agent.get("/teamview/team")).get_data(as_text=True)
    imports = import_map(html)
    assert {"lit", "lit/", "@offhook/bus", "@offhook/ui", "@offhook/chat/"} <= imports.keys()
    files = [url for name, url in imports.items() if not name.endswith("/")]
    files += re.findall(r'(?:href|src)="(/static/[^"#]+)"', html)
    for url in files:
        answer = await agent.get(url)
        assert answer.status_code == 200, url
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["ETag"]


async def test_a_switched_off_plugin_leaves_the_map_the_menu_and_its_files(
    agent: Browser, tenant: TenantView, switch: Callable[..., Awaitable[TenantView]]
) -> None:
    html = await (await agent.get("/account/")).get_data(as_text=True)
    script = import_map(html)["@offhook/teamview/"] + "room.js"
    assert "/teamview/" in html
    await switch(tenant, "teamview", on=False)
    html = await (await agent.get("/account/")).get_data(as_text=True)
    assert "teamview" not in html
    assert (await agent.get(script)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["../locale/es/messages.po", "%2e%2e/api.py", "..%2fapi.py", ".hidden", "js/../../api.py", ""],
)
async def test_files_outside_of_the_static_folder_are_not_sent(agent: Browser, path: str) -> None:
    assert (await agent.get(f"/static/core/x/{path}")).status_code == 404


async def test_a_file_asked_for_by_an_old_version_is_sent_but_not_kept(agent: Browser) -> None:
    answer = await agent.get("/static/core/0123456789ab/js/bus.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await agent.get(
        "/static/core/0123456789ab/js/bus.js", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


async def test_the_page_has_the_words_of_its_scripts_and_no_others(agent: Browser) -> None:
    html = await (await agent.get("/account/?lang=es")).get_data(as_text=True)
    source = re.search(r'id="words"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert source
    words = orjson.loads(source[1])
    assert words["Close"] == "Cerrar"
    assert "Change your password" not in words


@pytest.mark.serves("V33")
async def test_the_language_asked_for_is_spoken_and_remembered(agent: Browser) -> None:
    answer = await agent.get("/account/?lang=ru")
    assert 'lang="ru"' in await answer.get_data(as_text=True)
    assert "lang=ru" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    refused = await agent.get("/account/?lang=<script>")
    assert "Set-Cookie" not in refused.headers
    assert 'lang="en"' in await refused.get_data(as_text=True)


async def test_an_error_is_a_page_for_people_and_a_body_for_programs(agent: Browser) -> None:
    page = await agent.get("/no-such-page?lang=es")
    text = await page.get_data(as_text=True)
    assert page.status_code == 404
    assert "No existe esa página o ese registro." in text
    assert "404 · not-found" in text
    body = await agent.get("/no-such-page", headers={"Accept": "application/json"})
    assert (await body.get_json())["code"] == "not-found"


async def test_the_tenants_hue_colours_its_pages(
    app: Quart, agent: Browser, tenant: TenantView
) -> None:
    from core.models import Tenant
    from core.tenancy import Tenancy

    services: dict[Any, Any] = app.extensions["services"]
    await Tenant.filter(id=tenant.id).update(hue=33, theme="dusk")
    await services[Tenancy].touch(tenant.id)
    html = await (await agent.get("/account/")).get_data(as_text=True)
    assert "--hue: 33 " in html
    assert html.index("tokens.css") < html.index("controls.css") < html.index("dusk.css")
