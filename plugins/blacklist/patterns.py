"""Patterns an administrator writes, on an engine whose time grows with the text and no faster.

``*@example.com``: a mask for the whole value; ``*`` is any text, ``?`` one character.
``/spam|scam/``: between slashes a regular expression, found anywhere in the value.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import re2

LONGEST_PATTERN: Final = 200
LONGEST_VALUE: Final = 1000
"""Characters. What is longer is no address and no name; it is not searched but turned away."""

LARGEST_PROGRAM: Final = 1000
"""Instructions. Beyond, re2 may run out of states and fall back to what takes text x size."""

_OPTIONS: Final = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.never_capture = True
_OPTIONS.dot_nl = True
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 4 << 20

_MASK: Final = {"*": ".*", "?": "."}


class BadPattern(ValueError):
    """The pattern cannot be used; the reason is long, large, syntax or everybody."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the compiled *pattern*; ``BadPattern`` when it is none."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern("long")
    if len(pattern) >= 2 and pattern[0] == pattern[-1] == "/":
        source = pattern[1:-1]
    else:
        collapsed = re.sub(r"\*+", "*", pattern)
        parts = [_MASK.get(c) or re.escape(c) for c in collapsed]
        source = rf"\A(?:{''.join(parts)})\z"
    try:
        found = re2.compile(source, _OPTIONS)
    except re2.error:
        raise BadPattern("syntax") from None
    if found.programsize > LARGEST_PROGRAM:
        raise BadPattern("large")
    return found


def matches(pattern: str, text: str) -> bool:
    return compiled(pattern).search(text) is not None


def check(pattern: str) -> None:
    """Raise ``BadPattern`` for what is no pattern, or one that would turn everybody away."""
    if compiled(pattern).search("") is not None:
        raise BadPattern("everybody")
