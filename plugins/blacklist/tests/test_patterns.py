"""Patterns and values made to take for ever, or to be taken for something else."""

from __future__ import annotations

import random
import time

import pytest

from core.api import BadInput
from plugins.blacklist import patterns
from plugins.blacklist.entries import stored_value

LONG = 100_000
HOSTILE = [
    r"/(a+)+$/",
    r"/([a-zA-Z]+)*$/",
    r"/(a|aa)+$/",
    r"/(a|a?)+$/",
    r"/(.*a){25}x/",
    r"/^(([a-z])+.)+[A-Z]([a-z])+$/",
    r"/(x+x+)+y/",
    r"/[ab]*a[ab]{20}[^ab]/",
    r"/(?:[a-z]|[0-9a-z]){150}@/",
    r"/^(\w+\s?)*$!/",
    r"/((((a?){9}){9}){9})b/",
    r"/((a?){19}){19}b/",
    r"/(.?){110}!/",
    r"/[ab]*a[ab]{60}c?$/",
    "*a" * 90 + "*!",
    "?" * 100 + "*",
]
_mixed = random.Random(7).choices("ab", k=LONG)
VALUES = [
    "".join(_mixed),
    "a" * LONG,
    "ab" * (LONG // 2),
    "é" * (LONG // 2),
    " a" * (LONG // 2) + "!",
]


@pytest.mark.serves("S-14")
@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_pattern_takes_long_on_a_long_value(pattern: str) -> None:
    try:
        patterns.compiled(pattern)
    except patterns.BadPattern:
        return
    for value in VALUES:
        began = time.perf_counter()
        patterns.matches(pattern, value)
        assert time.perf_counter() - began < 0.05


@pytest.mark.serves("S-14")
def test_most_of_the_hostile_patterns_are_patterns() -> None:
    usable = 0
    for pattern in HOSTILE:
        try:
            patterns.compiled(pattern)
        except patterns.BadPattern:
            continue
        usable += 1
    assert usable >= len(HOSTILE) - 3


@pytest.mark.serves("S-14", "M23")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "blocks-everybody", id="empty"),
        pytest.param("*", "blocks-everybody", id="anything"),
        pytest.param("***", "blocks-everybody", id="anything, thrice"),
        pytest.param("//", "blocks-everybody", id="empty expression"),
        pytest.param("/.*/", "blocks-everybody", id="any expression"),
        pytest.param("/a|/", "blocks-everybody", id="empty alternative"),
        pytest.param("/(/", "bad-pattern", id="unbalanced"),
        pytest.param("/(?=a)/", "bad-pattern", id="lookahead"),
        pytest.param(r"/(a)\1/", "bad-pattern", id="backreference"),
        pytest.param("/(a{1000}){1000}/", "bad-pattern", id="too large"),
        pytest.param("/((((a?){9}){9}){9})b/", "bad-pattern", id="too many states"),
        pytest.param("a" * 201, "bad-pattern", id="too long"),
    ],
)
def test_what_is_no_usable_pattern_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        stored_value("pattern", text)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        pytest.param("a?c", "abc", True, id="one character"),
        pytest.param("a?c", "ac", False, id="exactly one"),
        pytest.param("*.example", "mail.example\nx", False, id="to the very end"),
        pytest.param("*x*", "a\nx", True, id="across lines"),
        pytest.param("*ÑANDÚ*", "el ñandú", True, id="letters of other languages"),
        pytest.param("[ab]", "a", False, id="brackets are brackets"),
        pytest.param("[ab]", "[ab]", True, id="and fit themselves"),
        pytest.param(r"\d", "7", False, id="a mask is no expression"),
    ],
)
@pytest.mark.serves("M23")
def test_a_mask_means_what_it_says(pattern: str, text: str, fits: bool) -> None:
    assert patterns.matches(pattern, text) is fits


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        pytest.param("email", "nobody", "bad-email", id="mail"),
        pytest.param("email", "a@b.example\r\nBcc: c@d.example", "bad-email", id="mail with lines"),
        pytest.param("phone", "600 111", "bad-phone", id="phone without country"),
        pytest.param("network", "203.0.113.0/33", "bad-network", id="prefix"),
        pytest.param("network", "0.0.0.0/0", "blocks-everybody", id="all of v4"),
        pytest.param("network", "::/0", "blocks-everybody", id="all of v6"),
        pytest.param("network", "localhost", "bad-network", id="a name"),
        pytest.param("planet", "x", "bad-input", id="kind"),
        pytest.param("erased_email", "x", "bad-input", id="kind that is not offered"),
    ],
)
@pytest.mark.serves("M23")
def test_what_is_no_address_is_refused(kind: str, text: str, code: str) -> None:
    with pytest.raises(BadInput) as refusal:
        stored_value(kind, text)
    assert refusal.value.code == code
