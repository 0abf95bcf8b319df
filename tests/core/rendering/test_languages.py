"""Which language is spoken, and how: choice, plurals, formats, errors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import TooMany
from core.i18n import Context, choose_language, ngettext_in, translate_error, using
from core.i18n.catalogs import CORE, Catalog, categories, read
from core.i18n.formats import (
    format_ago,
    format_date,
    format_datetime,
    format_duration,
    format_filesize,
    format_time,
)

OFFERED = ("es", "en", "ru", "zh-Hans")
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.serves("V33")
@pytest.mark.parametrize(
    ("explicit", "preferred", "accept", "spoken"),
    [
        pytest.param(("ru",), "en", "zh", "ru", id="what was asked for comes first"),
        pytest.param((None, "en"), "ru", "zh", "en", id="then the cookie"),
        pytest.param((None, None), "ru", "zh", "ru", id="then the person's record"),
        pytest.param((), None, "fr;q=0.9, en-GB;q=0.8, ru;q=0.7", "en", id="then the browser"),
        pytest.param((), None, "ru;q=0.2, en;q=0.9", "en", id="by its weights"),
        pytest.param((), None, "zh-CN", "zh-Hans", id="China reads simplified script"),
        pytest.param((), None, "zh-TW", "es", id="Taiwan does not"),
        pytest.param((), None, "fr, *", "es", id="then the tenant's default"),
        pytest.param(("../etc", "fr"), "xx", ";q=, en;q=two,,\0", "es", id="nonsense is ignored"),
    ],
)
def test_the_language_is_chosen(
    explicit: tuple[str | None, ...], preferred: str | None, accept: str, spoken: str
) -> None:
    chosen = choose_language(OFFERED, "es", explicit=explicit, preferred=preferred, accept=accept)
    assert chosen == spoken


def test_an_error_is_told_in_the_readers_language() -> None:
    error = TooMany(retry_s=30)
    with using(Context("es")):
        assert translate_error(error) == "Demasiados intentos. Espere 30 segundos."
    assert translate_error(error) == "Too many attempts. Please wait 30 seconds."


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1 пользователь"), (22, "22 пользователя"), (11, "11 пользователей")]
)
def test_russian_plurals(n: int, text: str) -> None:
    with using(Context("ru")):
        assert ngettext_in(CORE, "%(n)s user", "%(n)s users", n) == text


def test_scripts_get_plurals_by_the_names_that_intl_uses() -> None:
    catalog = Catalog(
        {}, lambda n: 0 if n % 10 == 1 and n % 100 != 11 else 1 if 2 <= n % 10 <= 4 else 2
    )
    assert categories(catalog, ("день", "дня", "дней"), "ru") == {
        "one": "день",
        "few": "дня",
        "many": "дней",
        "other": "дней",
    }


def test_a_tenants_own_words_come_first() -> None:
    with using(Context("es", overrides={"Please sign in first.": "¡Alto!"})):
        from core.errors import NotSignedIn

        assert translate_error(NotSignedIn()) == "¡Alto!"


def test_a_fuzzy_translation_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "messages.po"
    path.write_text('msgid ""\nmsgstr "Language: es\\n"\n\n#, fuzzy\nmsgid "A"\nmsgstr "B"\n')
    assert read(path).messages == {}


@pytest.mark.serves("V33")
def test_dates_and_clocks_are_in_the_tenants_zone() -> None:
    with using(Context("es", "Europe/Madrid")):
        assert format_time(NOON) == "14:00"
        assert format_datetime(NOON, "short") == "1/7/26, 14:00"
    with using(Context("zh-Hans", "Asia/Shanghai")):
        late = datetime(2026, 7, 1, 20, tzinfo=UTC)
        assert format_date(late) == "2026年7月2日"
        assert format_date(date(2026, 7, 1)) == "2026年7月1日"


def test_durations_sizes_and_distances() -> None:
    assert [format_duration(s) for s in (0, 200.9, timedelta(hours=1, seconds=63), None)] == [
        "0:00",
        "3:20",
        "1:01:03",
        "–",
    ]
    with using(Context("ru")):
        assert format_filesize(412_000) == "412 кБ"
        assert format_filesize(1_500_000) == "1,5 МБ"
        assert format_ago(NOON - timedelta(minutes=5), NOON) == "5 минут назад"
        assert format_ago(NOON, NOON) == "только что"
