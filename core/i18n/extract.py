"""Finding the messages in source: Python by its syntax tree, templates by Jinja, scripts by `t()`.

Besides calls of ``gettext``, ``_``, ``ngettext`` and ``gettext_noop`` these class attributes
are messages: ``message`` (errors) and a plugin's ``title``, ``description`` and ``keeps``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from jinja2.ext import babel_extract

SINGLE = {"_", "gettext", "gettext_noop"}
PLURAL = {"ngettext"}
_CALL = re.compile(r"""(?<![\w.$])(tn?)\(\s*(['"`])((?:\\.|(?!\2)[^\\])*)\2""")
_SECOND = re.compile(r"""\s*,\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1""")
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|.)", re.DOTALL)


class Message(NamedTuple):
    id: str
    plural: str | None
    file: str
    line: int


def from_package(folder: Path) -> list[Message]:
    """Return the messages of one package, tests, migrations and vendored files left out."""
    found: list[Message] = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if {"tests", "testing", "migrations", "vendor", "__pycache__"} & set(parts):
            continue
        name = f"{folder.name}/{'/'.join(parts)}"
        if path.suffix == ".py":
            found += from_python(path.read_text("utf-8"), name)
        elif path.suffix == ".js":
            found += from_script(path.read_text("utf-8"), name)
        elif path.suffix in {".html", ".txt"} and "templates" in parts:
            found += from_template(path.read_bytes(), name)
    return found


def from_python(source: str, name: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            texts = [_text(argument) for argument in node.args[:2]]
            if called in SINGLE and texts and texts[0]:
                yield Message(texts[0], None, name, node.lineno)
            elif called in PLURAL and len(texts) == 2 and texts[0] and texts[1]:
                yield Message(texts[0], texts[1], name, node.lineno)
        elif isinstance(node, ast.ClassDef):
            yield from _class_messages(node, name)


def _class_messages(node: ast.ClassDef, name: str) -> Iterator[Message]:
    wanted = {"message"}
    if any("Plugin" in ast.unparse(base) for base in node.bases):
        wanted |= {"title", "description", "keeps"}
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        text = _text(statement.value) if statement.value else None
        if text and any(isinstance(t, ast.Name) and t.id in wanted for t in targets):
            yield Message(text, None, name, statement.lineno)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def from_template(source: bytes, name: str) -> Iterator[Message]:
    options = {"newstyle_gettext": "true", "trimmed": "false", "silent": "false"}
    keywords = [*SINGLE, *PLURAL]
    for line, function, texts, _ in babel_extract(BytesIO(source), keywords, (), options):
        first, *more = (texts,) if isinstance(texts, str) else (texts or ("",))
        if first:
            plural = more[0] if function in PLURAL and more else None
            yield Message(first, plural, name, line)


def from_script(source: str, name: str) -> Iterator[Message]:
    for call in _CALL.finditer(source):
        line = source.count("\n", 0, call.start()) + 1
        message, plural = _unescape(call[3]), None
        if call[1] == "tn":
            second = _SECOND.match(source, call.end())
            plural = _unescape(second[2]) if second else None
            if plural is None:
                continue
        if "${" not in message:
            yield Message(message, plural, name, line)


def _unescape(text: str) -> str:
    simple = {"n": "\n", "t": "\t"}

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "u" and len(code) > 1:
            return chr(int(code[1:].strip("{}"), 16))
        return simple.get(code, code)

    return _ESCAPE.sub(plain, text)
