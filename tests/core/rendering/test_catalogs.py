"""Everything people read exists in every language."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n.__main__ import LANGUAGES, packages, problems, save, update
from core.i18n.extract import from_python, from_script, from_template


@pytest.mark.serves("V33")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("package", packages(), ids=lambda folder: folder.name)
def test_every_message_is_translated(package: Path, language: str) -> None:
    assert problems(package, language) == []


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one singular message and one plural."""
    source = '_("Hello %(name)s")\nngettext("%(n)s day", "%(n)s days", n)\n'
    (tmp_path / "words.py").write_text(source)
    return tmp_path


def translate(package: Path, hello: str, days: tuple[str, ...]) -> None:
    from core.i18n.__main__ import _open

    update(package, "ru")
    catalog = _open(package, "ru")
    for message in catalog:
        if message.id:
            message.string = days if isinstance(message.id, tuple) else hello
    save(package, "ru", catalog)


DAYS = ("%(n)s день", "%(n)s дня", "%(n)s дней")


@pytest.mark.parametrize(
    ("hello", "days", "problem"),
    [
        pytest.param("Привет, %(name)s", DAYS, None, id="right"),
        pytest.param("", DAYS, "missing", id="empty"),
        pytest.param("Hello %(name)s", DAYS, "same as the source", id="copied"),
        pytest.param("Привет, %(nome)s", DAYS, "other placeholders", id="placeholder renamed"),
        pytest.param("Привет", DAYS, "other placeholders", id="placeholder lost"),
        pytest.param("Привет, %(name)s", ("%(n)s день", "", ""), "missing", id="forms lacking"),
    ],
)
def test_a_bad_translation_is_found(
    package: Path, hello: str, days: tuple[str, ...], problem: str | None
) -> None:
    translate(package, hello, days)
    found = problems(package, "ru")
    assert [line.split(": ")[2] for line in found] == ([problem] if problem else [])


def test_update_keeps_what_is_translated_and_drops_what_is_unused(package: Path) -> None:
    translate(package, "Привет, %(name)s", DAYS)
    (package / "words.py").write_text('_("Hello %(name)s")\n_("New")\n')
    assert update(package, "ru") == 1
    text = (package / "locale" / "ru" / "messages.po").read_text("utf-8")
    assert "Привет" in text
    assert "день" not in text


def test_messages_are_found_in_python() -> None:
    source = """
class Full(AppError):
    message = "The room is full."
class Room(Plugin):
    title: ClassVar[str] = "Room"
    name = "room"
x = _("Hello"), ngettext("one", "many", n), gettext_noop("Later"), other("no"), _(variable)
"""
    found = {(m.id, m.plural) for m in from_python(source, "x.py")}
    single = {(text, None) for text in ("The room is full.", "Room", "Hello", "Later")}
    assert found == single | {("one", "many")}


def test_messages_are_found_in_templates() -> None:
    source = b"""{{ _("Hello") }}{% trans who=x %}Dear {{ who }}{% endtrans %}
{% trans count=n %}{{ count }} day{% pluralize %}{{ count }} days{% endtrans %}"""
    assert [(m.id, m.plural) for m in from_template(source, "x.html")] == [
        ("Hello", None),
        ("Dear %(who)s", None),
        ("%(count)s day", "%(count)s days"),
    ]


def test_messages_are_found_in_scripts() -> None:
    source = (
        r"""t('It\'s {n}'); x.t("no"); set("no"); tn("{n} day", '{n} days', n); t(`a\u2026`);"""
    )
    assert [(m.id, m.plural) for m in from_script(source, "x.js")] == [
        ("It's {n}", None),
        ("{n} day", "{n} days"),
        ("a…", None),
    ]
