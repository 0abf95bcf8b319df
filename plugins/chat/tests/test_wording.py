"""What is taken out of a text, and what must stay."""

from __future__ import annotations

import pytest

from plugins.chat.services.wording import is_blank, without_tricks


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Hola, ¿qué tal?\n\tAna", id="plain"),
        pytest.param("👩‍👩‍👧‍👦 👩🏽‍🚀 ❤️ 🏳️‍🌈", id="emoji joined by ZWJ"),
        pytest.param(
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", id="flag of England"
        ),
        pytest.param("می‌خواهم", id="Persian with ZWNJ"),
        pytest.param("क्‍ष", id="Devanagari with ZWJ"),
        pytest.param("שלום\u200f!", id="Hebrew with a mark"),
        pytest.param("Nguyễn Ánh กี่ם̈", id="accents"),
        pytest.param("你好，世界", id="Chinese"),
    ],
)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert without_tricks(text) == text


@pytest.mark.serves("S-04")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("a\u202eb\u202c", "ab", id="override"),
        pytest.param("\u2066a\u2067b\u2068c\u2069", "abc", id="isolates"),
        pytest.param("pay\u200bpal\ufeff.\u2060com\u00ad", "paypal.com", id="zero width"),
        pytest.param("a\x00\x07\x1b[31mb\x7f\x85", "a[31mb", id="controls"),
        pytest.param("a\U000e0041\U000e0042", "a", id="tags without a flag"),
        pytest.param("a\r\nb\rc\u2028d", "a\nb\nc\nd", id="line ends"),
        pytest.param("x" + "\u0301" * 50 + "y", "x" + "\u0301" * 6 + "y", id="heap of accents"),
        pytest.param("a\ud800b", "ab", id="half a character"),
    ],
)
def test_tricks_are_taken_out(text: str, kept: str) -> None:
    assert without_tricks(text) == kept


@pytest.mark.parametrize("text", ["", " \n\t", "\u200d\u200c", "\u3164\u2800", "\u0301"])
def test_nothing_to_see_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", " .", "👍", "\u200dא"])
def test_something_to_see_is_not_blank(text: str) -> None:
    assert not is_blank(text)
