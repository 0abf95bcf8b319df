"""What came from elsewhere is as it came, has its licence, and holds what the pages ask for."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

import core
from core.i18n.__main__ import ROOT

STATIC = Path(core.__file__).parent / "static"
VENDOR = STATIC / "vendor"


def listed() -> dict[str, str]:
    lines = (VENDOR / "HASHES.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def test_vendored_files_are_unmodified() -> None:
    present = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "HASHES.txt"
    }
    assert present == listed()


def test_no_vendored_file_is_left_out_of_a_clone() -> None:
    """What an ignore pattern such as ``dist/`` matches is here, and missing everywhere else."""
    paths = [str(VENDOR / name) for name in listed()]
    command = ["git", "-C", str(ROOT), "check-ignore", "--no-index", *paths]
    ignored = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ignored.returncode == 1, ignored.stdout + ignored.stderr


@pytest.mark.parametrize("folder", sorted({name.split("/")[0] for name in listed()}))
def test_each_has_its_licence(folder: str) -> None:
    text = (VENDOR / folder / "LICENSE").read_text().lower()
    assert "copyright" in text or "zero-clause bsd" in text


def test_every_icon_that_is_asked_for_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    asked: dict[str, str] = {}
    patterns = {
        "*.html": r"""icon\(["']([a-z0-9-]+)["']|icon_name=["']([a-z0-9-]+)["']""",
        "*.js": r"""icon(?:Element)?\(['"]([a-z0-9-]+)['"]""",
        "*.py": r"""(?:NavItem|Action|EventType)\((?:[^()]|\([^()]*\))*?icon="([a-z0-9-]+)\"""",
    }
    for folder in ("core", "plugins", "themes"):
        for glob, pattern in patterns.items():
            for path in (ROOT / folder).rglob(glob):
                if {"vendor", "tests"} & set(path.parts):
                    continue
                for found in re.finditer(pattern, path.read_text("utf-8")):
                    asked[next(g for g in found.groups() if g)] = path.name
    assert len(asked) > 20
    assert {icon: where for icon, where in asked.items() if icon not in drawn} == {}
