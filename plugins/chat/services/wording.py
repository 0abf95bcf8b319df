"""Text as people send it, without what is only there to deceive the reader. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

ZWNJ: Final = "\u200c"
ZWJ: Final = "\u200d"
BLACK_FLAG: Final = "\U0001f3f4"
_KEPT_FORMATS: Final = frozenset({ZWNJ, ZWJ, "\u200e", "\u200f", "\u061c"})
"""Joiners shape Persian, Indic and emoji; the marks only give a direction to what is neutral."""
_KEPT_CONTROLS: Final = frozenset("\n\t")
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that show nothing."""
_TAGS: Final = range(0xE0020, 0xE0080)
_MOST_MARKS: Final = 6
"""Accents on one letter; Vietnamese, Thai and pointed Hebrew stay below, heaps that cover the
lines above do not."""


def without_tricks(text: str) -> str:
    r"""Return *text* without invisible characters and those that turn the order of others round.

    Line ends become ``\n``. Emoji sequences, also flags made of tag characters, stay whole.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    kept: list[str] = []
    marks = 0
    in_flag = False
    for character in text:
        in_flag = character == BLACK_FLAG or (in_flag and ord(character) in _TAGS)
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MOST_MARKS and _stays(character, category, in_flag=in_flag):
            kept.append(character)
    return "".join(kept)


def _stays(character: str, category: str, *, in_flag: bool) -> bool:
    if category in {"Cc", "Cs", "Zl", "Zp"}:
        return character in _KEPT_CONTROLS
    if category == "Cf":
        return character in _KEPT_FORMATS or in_flag
    return True


def is_blank(text: str) -> bool:
    """Tell whether a reader would see nothing at all."""
    return all(
        character.isspace()
        or character in _BLANK_LETTERS
        or unicodedata.category(character) in {"Cf", "Mn", "Me", "Cc"}
        for character in text
    )
