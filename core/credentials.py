"""Proving who one is with a password, and changing it."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from core import audit, passwords, sign_ins
from core.access import Principal
from core.config import Config
from core.current import service
from core.errors import AppError
from core.models import User
from core.password_links import withdraw
from core.throttle import ACCOUNT, ADDRESS, give_back, network, take
from core.values import Actor

LONGEST: Final = 254


class WrongCredentials(AppError):
    """The same for an unknown address, a user without a password, and a wrong one."""

    status = 401
    code = "wrong-credentials"
    message = "E-mail address or password is wrong."


class WrongPassword(AppError):
    status = 403
    code = "wrong-password"
    message = "The old password is wrong."


class SamePassword(AppError):
    status = 400
    code = "same-password"
    message = "The new password must differ from the old one."


class PasswordsDiffer(AppError):
    status = 400
    code = "passwords-differ"
    message = "The two new passwords are not the same."


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody at the sign-in page says. ``device``: the cookie of ``known_device``."""

    email: str
    password: str
    address: str = ""
    device: str = ""


async def authenticate(tenant_id: int, attempt: Attempt) -> User:
    """Return the user, or raise ``WrongCredentials`` or ``TooMany``.

    Tries are counted per account and per network address. A device on which this user has
    signed in before has a count of its own, so that strangers who guess cannot lock him out.
    """
    email = attempt.email.strip().lower()[:LONGEST]
    known = _is_known(tenant_id, email, attempt.device)
    counts = (
        (ADDRESS, network(attempt.address)),
        (ACCOUNT, f"device:{attempt.device}" if known else email),
    )
    for rule, who in counts:
        await take(tenant_id, rule, who)
    user = await User.get_or_none(tenant_id=tenant_id, email=email, deleted_at=None)
    right = await passwords.matches(user.password_hash if user else None, attempt.password)
    if user is None or not right:
        raise WrongCredentials
    for rule, who in counts:
        await give_back(tenant_id, rule, who)
    if passwords.is_outdated(user.password_hash or ""):
        await _store(user, attempt.password)
    return user


async def change_password(principal: Principal, old: str, new: str) -> User:
    """Set a new password. All sign-ins of the user end, this one too: begin a new one."""
    tenant_id, user_id = principal.tenant_id, principal.user_id
    who = f"user:{user_id}"
    await take(tenant_id, ACCOUNT, who)
    user = await User.get(tenant_id=tenant_id, id=user_id)
    if not await passwords.matches(user.password_hash, old):
        raise WrongPassword
    await give_back(tenant_id, ACCOUNT, who)
    if new == old:
        raise SamePassword
    passwords.check_strength(new, (user.name, user.email))
    await _store(user, new)
    await end_all(user, principal.actor)
    return user


async def end_all(user: User, by: Actor) -> None:
    """End what the former password opened, links included; note it in the audit log."""
    await withdraw(user.tenant_id, user.id)
    await sign_ins.end_others(user.tenant_id, user.id)
    await audit.write(user.tenant_id, by, "core.password_changed", subject=f"user:{user.id}")


async def _store(user: User, password: str) -> None:
    new = await passwords.hashed(password)
    await User.filter(tenant_id=user.tenant_id, id=user.id).update(password_hash=new)


def known_device(user: User) -> str:
    """Return what a browser keeps to show that this user has signed in on it before."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_seal(user.tenant_id, user.email, nonce)}"


def _is_known(tenant_id: int, email: str, device: str) -> bool:
    nonce, _, seal = device.partition(".")
    return hmac.compare_digest(_seal(tenant_id, email, nonce).encode(), seal.encode())


def _seal(tenant_id: int, email: str, nonce: str) -> str:
    key = service(Config).secret.encode()
    return hmac.digest(key, f"device:{tenant_id}:{email}:{nonce}".encode(), "sha256").hex()
