"""Which language to speak: pure functions over what the request and the tenant say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from babel.core import get_global, parse_locale

SOURCE_LANGUAGE = "en"
"""The language of the messages in the source; it has no catalog."""


def choose_language(
    languages: Sequence[str],
    default: str,
    *,
    explicit: Iterable[str | None] = (),
    preferred: str | None = None,
    accept: str = "",
) -> str:
    """Return the tag out of *languages* to speak.

    In order: what was chosen on the page (*explicit*: query, then cookie), what the
    record of the person says, ``Accept-Language``, the tenant's *default*.
    """
    wishes = [*explicit, preferred, *_accepted(accept)]
    for wish in wishes:
        if wish and (found := best_match(wish, languages)):
            return found
    return default


def best_match(wish: str, languages: Iterable[str]) -> str | None:
    """Return the language that a reader of *wish* reads: ``zh-CN`` reads ``zh-Hans``."""
    offered = list(languages)
    for tag in offered:
        if tag.lower() == wish.lower():
            return tag
    script = _language_and_script(wish)
    return next((tag for tag in offered if script and _language_and_script(tag) == script), None)


def _accepted(header: str) -> Iterator[str]:
    """Yield the tags of an ``Accept-Language`` header, most wanted first; bad parts are ignored."""
    ranked: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        _, _, q = rest.partition("q=")
        try:
            weight = float(q) if q else 1.0
        except ValueError:
            continue
        if tag and tag != "*" and 0 < weight <= 1:
            ranked.append((-weight, tag.strip()))
    for _, tag in sorted(ranked, key=lambda pair: pair[0]):
        yield tag


@cache
def _likely() -> dict[str, str]:
    return dict(get_global("likely_subtags"))


def _language_and_script(tag: str) -> tuple[str, str | None] | None:
    try:
        language, territory, script = parse_locale(tag.replace("-", "_"))[:3]
    except ValueError:
        return None
    if script is None:
        keys = [f"{language}_{territory}"] if territory else []
        for key in [*keys, language]:
            if full := _likely().get(key):
                script = parse_locale(full)[2]
                break
    return language, script
