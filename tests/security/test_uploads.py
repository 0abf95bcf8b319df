"""Files of strangers: whatever they are called and whatever they hold, they stay files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from quart import Quart

from core.config import Config
from core.current import service
from core.models import File
from tests.security.house import Cast, House

NAMES = (
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/cron.d/x", "C:\\autoexec.bat",
    "....//....//x", "x\0.png", "x\r\nSet-Cookie: a=b", 'x"; filename="evil.html', "CON", "nul.txt",
    ".htaccess", "-rf", "~root", "$(id)", "`id`", "|sh", "x;y", "%2e%2e%2fx", "\u202egnp.exe",
    "a" * 5000 + ".txt", "\ufeff", "  ", "...",
    "<img src=x onerror=alert(1)>.html", "файл 文件.pdf",
)  # fmt: skip
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def tree(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if "offhook.sqlite3" not in path.name}


@pytest.mark.serves("S-12")
async def test_name_of_a_file_is_only_shown(app: Quart, cast: Cast, acme: House) -> None:
    root = service(Config).data_dir
    before, outside = tree(root), tree(root.parent) - tree(root)
    for number, name in enumerate(NAMES):
        path = f"/sessions/{acme.invited.id}/files" if number % 2 else "/visit/files"
        who = cast.agent if number % 2 else cast.customer
        headers = {"X-File-Name": quote(name, safe="")}
        answer = await who.post(path, data=b"content", headers=headers)
        assert answer.status_code == 201, name
        shown = (await answer.get_json())["name"]
        assert not set(shown) & set("/\\\0\r\n\u202e")
        assert shown.strip(". ")
        assert len(shown) <= 200
        row = await File.get(tenant_id=acme.tenant.id, id=(await answer.get_json())["id"])
        assert not set(row.key) - set("0123456789abcdef/-")
        fetched = await who.get((await answer.get_json())["url"])
        assert await fetched.get_data() == b"content"
        place = fetched.headers["Content-Disposition"]
        assert place.startswith(("attachment; ", "inline; "))
        assert "\n" not in place
        assert place.count('"') == 2
        assert "Set-Cookie" not in fetched.headers
    made = {path for path in tree(root) - before if path.is_file()}
    assert len(made) == len(NAMES)
    assert all(path.parts[: len(root.parts)] == root.parts for path in made)
    assert not any(path.is_symlink() for path in made)
    assert tree(root.parent) - tree(root) == outside


@pytest.mark.serves("S-04", "S-12")
@pytest.mark.parametrize(
    ("content", "name", "claimed"),
    [
        pytest.param(HTML, "x.html", "text/html", id="html"),
        pytest.param(SVG, "x.svg", "image/svg+xml", id="svg"),
        pytest.param(b"GIF89a/*" + HTML, "x.gif", "image/gif", id="gif with a script"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + HTML, "x.png", "text/html", id="png that is none"),
        pytest.param(b"%PDF-1.7\n" + HTML, "x.pdf", "application/pdf", id="pdf"),
        pytest.param(b"alert(1)", "x.js", "text/javascript", id="script"),
        pytest.param(b"<?xml version='1.0'?><?xml-stylesheet href='x'?><x/>", "x", "x", id="xml"),
        pytest.param(b"PK\x03\x04" + b"\0" * 40, "x.zip", "application/zip", id="archive"),
        pytest.param(b"\xff\xfe<\0s\0c\0r\0", "x.txt", "text/plain", id="UTF-16"),
    ],
)
async def test_no_browser_takes_a_file_for_a_page_of_ours(
    cast: Cast, acme: House, content: bytes, name: str, claimed: str
) -> None:
    headers = {"X-File-Name": name, "Content-Type": claimed}
    answer = await cast.customer.post("/visit/files", data=content, headers=headers)
    assert answer.status_code == 201
    body = await answer.get_json()
    for who, path in ((cast.customer, body["url"]), (cast.agent, f"/files/{body['id']}")):
        fetched = await who.get(path)
        assert fetched.headers["X-Content-Type-Options"] == "nosniff"
        assert fetched.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert fetched.mimetype not in {"text/html", "application/xhtml+xml", "text/xml"}
        active = {"image/svg+xml", "application/javascript", "text/javascript", "application/xml"}
        is_inline = fetched.headers["Content-Disposition"].startswith("inline")
        assert not (fetched.mimetype in active and is_inline)
    assert (await cast.nobody.get(body["url"])).status_code == 401


@pytest.mark.serves("S-13")
async def test_upload_beyond_the_limit_is_refused_and_leaves_nothing(
    app: Quart, cast: Cast, acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = service(Config).data_dir
    before = {path for path in tree(root) if path.is_file()}
    large = b"x" * (service(Config).max_upload_mb * 1024 * 1024 + 1)
    headers = {"X-File-Name": "large.bin"}
    answer = await cast.customer.post("/visit/files", data=large, headers=headers)
    assert answer.status_code == 413
    assert (await cast.customer.post("/visit/files", headers=headers)).status_code == 400
    assert {path for path in tree(root) if path.is_file()} == before
