"""Links that work once, by mail: to set a first password, or a new one for a forgotten one.

Nobody is ever sent a password. A link's token is derived from its row with the installation's
key, so a mail that has to be sent again carries the same link and the database shows none.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final

from tortoise.transactions import in_transaction

from core.config import Config
from core.current import service
from core.drivers import DriverError
from core.errors import AppError
from core.i18n import Context, best_match, using
from core.i18n import gettext as _
from core.jobs import Jobs, enqueue
from core.models import OneTimeLink, User
from core.passwords import check_strength, hashed
from core.plugins import JobType
from core.tenancy import TenantView
from core.values import Notice

FIRST: Final = "first"
FORGOTTEN: Final = "forgotten"
LASTS: Final = timedelta(hours=24)
SAME_FOR: Final = timedelta(hours=1)
"""Asking again within this time mails the same link again."""
JOB: Final = "core.send_password_link"


class LinkUsed(AppError):
    status = 410
    code = "password-link-gone"
    message = "This link was used already or has expired. Please ask for a new one."


def connect() -> None:
    service(Jobs).register(JobType(JOB, _send))


async def ask(tenant_id: int, purpose: str, **who: object) -> None:
    """Have a link mailed by a job. *who*: ``user_id``, or an ``email`` that may be nobody's."""
    await enqueue(JOB, {"purpose": purpose, **who}, tenant_id=tenant_id)


async def link_url(tenant: TenantView, user: User, purpose: str) -> str:
    """Return a link for *user*; the command line prints it where there is no mail yet."""
    now = datetime.now(UTC)
    query = OneTimeLink.filter(tenant_id=tenant.id, user_id=user.id, purpose=purpose, used_at=None)
    link = await query.filter(expires_at__gt=now + LASTS - SAME_FOR).first()
    expires_at = link.expires_at if link is not None else now + LASTS
    token = _token(tenant.id, user.id, purpose, expires_at)
    if link is None:
        await OneTimeLink.create(
            tenant_id=tenant.id,
            user=user,
            purpose=purpose,
            token_hash=_hash(token),
            expires_at=expires_at,
        )
    return f"{tenant.url}/password/{token}"


async def user_of(tenant_id: int, token: str) -> User:
    """Return whose link it is; looking does not use it up. ``LinkUsed`` when it is over."""
    link = await OneTimeLink.filter(
        tenant_id=tenant_id, token_hash=_hash(token), used_at=None, expires_at__gt=datetime.now(UTC)
    ).first()
    user = (
        await User.get_or_none(tenant_id=tenant_id, id=link.user_id, deleted_at=None)  # type: ignore[attr-defined]
        if link
        else None
    )
    if user is None:
        raise LinkUsed
    return user


async def use(tenant_id: int, token: str, password: str) -> User:
    """Set the password; the link, and every other one of this user, is used up by it."""
    user = await user_of(tenant_id, token)
    check_strength(password, (user.name, user.email))
    new = await hashed(password)
    async with in_transaction():
        unused = OneTimeLink.filter(tenant_id=tenant_id, user_id=user.id, used_at=None)
        if not await unused.filter(token_hash=_hash(token)).update(used_at=datetime.now(UTC)):
            raise LinkUsed
        await unused.update(used_at=datetime.now(UTC))
        await User.filter(tenant_id=tenant_id, id=user.id).update(password_hash=new)
    return user


async def withdraw(tenant_id: int, user_id: int) -> None:
    """Put the user's unused links out of service."""
    query = OneTimeLink.filter(tenant_id=tenant_id, user_id=user_id, used_at=None)
    await query.update(used_at=datetime.now(UTC))


async def _send(
    tenant: TenantView, purpose: str, user_id: int | None = None, email: str | None = None
) -> None:
    """Mail the link; an address that nobody has gets nothing."""
    whose = {"id": user_id} if user_id is not None else {"email": email}
    user = await User.get_or_none(tenant_id=tenant.id, deleted_at=None, **whose)
    if user is None:
        return
    url = await link_url(tenant, user, purpose)
    language = best_match(user.language or tenant.language, tenant.languages) or tenant.language
    with using(Context(language, tenant.timezone)):
        subject, text = _words(tenant, user, purpose, url)
    notice = Notice(
        ref=f"password:{user.id}",
        channel="email",
        address=user.email,
        name=user.name,
        subject=subject,
        text=text,
        language=language,
    )
    if await tenant.hooks.deliver(tenant=tenant, notice=notice) is None:
        raise DriverError("no channel took the mail over", retryable=True)


def _words(tenant: TenantView, user: User, purpose: str, url: str) -> tuple[str, str]:
    if purpose == FIRST:
        subject = _("Your access to %(tenant)s", tenant=tenant.name)
        reason = _("An account was made for you. Choose your password with this link:")
    else:
        subject = _("A new password for %(tenant)s", tenant=tenant.name)
        reason = _("Somebody, probably you, asked for a new password. Choose it with this link:")
    lines = [
        _("Hello %(name)s,", name=user.name),
        reason,
        url,
        _("It works once and for 24 hours. If you do not expect this mail, you can ignore it."),
    ]
    return subject, "\n\n".join(lines) + "\n"


def _token(tenant_id: int, user_id: int, purpose: str, expires_at: datetime) -> str:
    """192 bits that only our key can make."""
    text = f"password:{tenant_id}:{user_id}:{purpose}:{expires_at.astimezone(UTC).isoformat()}"
    digest = hmac.digest(service(Config).secret.encode(), text.encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
