"""Passwords: argon2id away from the event loop, and which ones are too easy to guess."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import AppError
from core.i18n import gettext as _

T = TypeVar("T")

MINIMUM: Final = 10
MAXIMUM: Final = 200
hasher = PasswordHasher()
_threads: Final = ThreadPoolExecutor(2, thread_name_prefix="argon2")
"""One hash takes 64 MiB and a tenth of a second, so only two are made at the same time."""


class WeakPassword(AppError):
    """``reason`` says what to change; it never holds the password."""

    status = 400
    code = "weak-password"
    message = "Please choose a stronger password. {reason}"


async def hashed(password: str) -> str:
    return await _aside(lambda: hasher.hash(_plain(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """Tell whether it is the password. ``None`` never is, and takes just as long to say."""
    return await _aside(lambda: _verify(password_hash or _nobody(), password)) and bool(
        password_hash
    )


def is_outdated(password_hash: str) -> bool:
    """Tell whether a hash was made with weaker parameters than today's."""
    return hasher.check_needs_rehash(password_hash)


def check_strength(password: str, about: Iterable[str] = ()) -> None:
    """Raise ``WeakPassword``. *about*: name and address of the person, not to be repeated."""
    text = _plain(password)
    if len(text) < MINIMUM:
        raise WeakPassword(reason=_("Use %(n)s characters or more.", n=MINIMUM))
    if len(text) > MAXIMUM:
        raise WeakPassword(reason=_("Use %(n)s characters or fewer.", n=MAXIMUM))
    if len(set(text)) < 5 or _is_sequence(text):
        raise WeakPassword(reason=_("Avoid repetitions and rows of keys."))
    if _is_common(text):
        raise WeakPassword(reason=_("This one is among those that are guessed first."))
    if any(word in text.lower() for word in _words(about)):
        raise WeakPassword(reason=_("Leave out your name and your address."))


async def _aside(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _verify(password_hash: str, password: str) -> bool:
    fits = len(password) <= MAXIMUM
    try:
        return hasher.verify(password_hash, _plain(password) if fits else "") and fits
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return hasher.hash("nobody has this password")


def _plain(password: str) -> str:
    """Keyboards differ in how they compose the same letter."""
    return unicodedata.normalize("NFKC", password)


def _words(about: Iterable[str]) -> set[str]:
    parts = {part.lower() for text in about for part in re.split(r"[\s@._-]+", text)}
    return {part for part in parts if len(part) >= 4}


_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)


def _is_sequence(text: str) -> bool:
    lower = text.lower()
    return any(lower in row or lower[::-1] in row for row in _ROWS)


_GUESSED_FIRST: Final = """
    password passwort contrasena contraseña mima parola пароль йцукен admin administrator
    administrador root letmein welcome bienvenido willkommen iloveyou tequiero princess princesa
    football futbol baseball dragon monkey sunshine superman batman starwars pokemon trustno
    qwerty qwertyuiop asdfghjkl zxcvbnm qazwsx qazwsxedc changeme default secret master login
    access hello hola summer winter spring autumn verano invierno lovely michael jennifer jordan
    samsung google facebook offhook callcenter contactcenter support whatever freedom liverpool
    barcelona realmadrid chelsea computer internet service test testtest guest user temporary
"""
_COMMON: Final = frozenset(_GUESSED_FIRST.split())
_SIGNS: Final = str.maketrans("0134578@$!", "oieastbasi")


def _is_common(text: str) -> bool:
    """A known word stays one with digits around it, in leetspeak, or said twice."""
    lower = text.lower()
    bare = lower.strip("0123456789!?.,*#-_+$@ ")
    for shape in (lower, lower.translate(_SIGNS), bare, bare.translate(_SIGNS)):
        core = re.sub(r"[^\w]|[\d_]", "", shape)
        half = core[: len(core) // 2]
        if core in _COMMON or (half * 2 == core and half in _COMMON):
            return True
    return False
