"""Quick responses: prepared answers of the tenant and of each agent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from core.api import BadInput, Forbidden, NotFound, Principal, TenantView, gettext
from plugins.chat.models import QuickResponse
from plugins.chat.services.messages import LONGEST
from plugins.chat.services.wording import is_blank, without_tricks

VARIABLES: Final = ("customer", "agent", "tenant")
MANAGE_GLOBAL: Final = "chat.response.manage_global"
MOST_TITLE: Final = 80
MOST_OF_ONE_OWNER: Final = 500
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A response as a form says it, checked."""

    title: str
    text: str
    language: str | None
    for_all: bool


def check(tenant: TenantView, form: dict[str, str]) -> Wanted:
    """Return what *form* holds; ``BadInput`` names the field that is wrong."""
    unknown = form.keys() - {"title", "text", "language", "for_all", "csrf", "csrf_token"}
    if unknown:
        raise BadInput(field=min(unknown), problem=gettext("unknown field"))
    title = " ".join(without_tricks(form.get("title", "")).split())
    if is_blank(title) or len(title) > MOST_TITLE:
        raise BadInput(field="title", problem=gettext("between 1 and 80 characters"))
    text = without_tricks(form.get("text", "")).strip()
    if is_blank(text) or len(text) > LONGEST:
        raise BadInput(field="text", problem=gettext("between 1 and 4000 characters"))
    _check_variables(text)
    language = form.get("language") or None
    if language is not None and language not in tenant.languages:
        raise BadInput(field="language", problem=gettext("not a language of this tenant"))
    return Wanted(title, text, language, form.get("for_all") in {"on", "1", "true"})


def _check_variables(text: str) -> None:
    for name in _BRACES.findall(text):
        if name not in VARIABLES:
            known = ", ".join(f"{{{variable}}}" for variable in VARIABLES)
            raise BadInput(
                field="text",
                problem=gettext("there is no {%(name)s}; use %(known)s", name=name, known=known),
            )


async def usable(tenant: TenantView, who: Principal) -> list[QuickResponse]:
    """Return his own and everybody's, by title."""
    own = await QuickResponse.filter(tenant_id=tenant.id, owner_id=who.user_id)
    everybodys = await QuickResponse.filter(tenant_id=tenant.id, owner_id=None)
    return sorted([*own, *everybodys], key=lambda one: (one.title.casefold(), one.id))


async def get(tenant: TenantView, who: Principal, response_id: int) -> QuickResponse:
    """Return one he may change. A colleague's private one does not exist for him."""
    found = await QuickResponse.get_or_none(tenant_id=tenant.id, id=response_id)
    if found is None or found.owner_id not in {None, who.user_id}:
        raise NotFound
    if found.owner_id is None:
        _require_global(tenant, who)
    return found


async def add(tenant: TenantView, who: Principal, wanted: Wanted) -> QuickResponse:
    owner_id = _owner(tenant, who, wanted)
    count = await QuickResponse.filter(tenant_id=tenant.id, owner_id=owner_id).count()
    if count >= MOST_OF_ONE_OWNER:
        raise BadInput(field="title", problem=gettext("there are 500 already; delete some first"))
    return await QuickResponse.create(tenant_id=tenant.id, owner_id=owner_id, **_columns(wanted))


async def change(tenant: TenantView, who: Principal, response_id: int, wanted: Wanted) -> None:
    await get(tenant, who, response_id)
    query = QuickResponse.filter(tenant_id=tenant.id, id=response_id)
    await query.update(owner_id=_owner(tenant, who, wanted), **_columns(wanted))


async def remove(tenant: TenantView, who: Principal, response_id: int) -> None:
    await get(tenant, who, response_id)
    await QuickResponse.filter(tenant_id=tenant.id, id=response_id).delete()


def _owner(tenant: TenantView, who: Principal, wanted: Wanted) -> int | None:
    if not wanted.for_all:
        return who.user_id
    _require_global(tenant, who)
    return None


def _require_global(tenant: TenantView, who: Principal) -> None:
    if not who.may(tenant, MANAGE_GLOBAL):
        raise Forbidden


def _columns(wanted: Wanted) -> dict[str, Any]:
    return {"title": wanted.title, "text": wanted.text, "language": wanted.language}
