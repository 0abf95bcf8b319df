"""Every route of the installation, who it is for, and what is sent there. A route without a case
fails ``test_isolation``: write one here, and an ``ARGUMENTS`` entry for a new kind of argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from quart import Quart
from werkzeug.routing import Rule

from core.sessions import link_token
from core.testing.application import our_plugins
from tests.security.house import House

ANYBODY = frozenset({"nobody", "customer", "agent", "administrator"})
SIGNED_IN = frozenset({"customer", "agent", "administrator"})
CUSTOMER = frozenset({"customer"})
USERS = frozenset({"agent", "administrator"})
BOSS = frozenset({"administrator"})
NOWHERE = UUID(int=7)


@dataclass(frozen=True, slots=True)
class Case:
    """``who`` may use the route; ``form`` or ``json``: a body that would change something."""

    who: frozenset[str]
    form: dict[str, Any] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    raw: bytes = b""

    def body(self, csrf: str) -> dict[str, Any]:
        if self.json is not None:
            return {"json": self.json}
        if self.raw:
            return {"data": self.raw, "headers": {"X-File-Name": "x.txt"}}
        return {"form": self.form | {"csrf": csrf}}

    def with_fields(self, extra: dict[str, Any], csrf: str) -> dict[str, Any]:
        """Return the body with fields that the route does not know."""
        if self.json is not None:
            return {"json": self.json | extra, "headers": {"X-CSRF-Token": csrf}}
        return {"form": self.form | extra | {"csrf": csrf}}


ENTRY = {"kind": "email", "value": "new@acme.example", "reason": "hostile", "until": ""}
RESPONSE = {"title": "Changed", "text": "Changed", "language": "", "for_all": "on"}
NOTICE = {
    "agent": "",
    "name": "Somebody",
    "when": "now",
    "at": "",
    "type": "email",
    "email": "somebody@acme.example",
    "language": "en",
    "media": "chat",
    "auto_connect": "on",
    "details": "on",
}
NEW_USER = {"name": "New", "email": "new@acme.example", "role": "agent", "language": ""}
PASSWORD = {"password": "seven green kettles", "repeat": "seven green kettles"}

CASES: dict[str, Case] = {
    "home.front": Case(ANYBODY),
    "home.home": Case(USERS),
    "assets.file": Case(ANYBODY),
    "assets.favicon": Case(ANYBODY),
    "health.alive": Case(ANYBODY),
    "health.ready": Case(ANYBODY),
    "sign_in.show": Case(ANYBODY),
    "sign_in.enter": Case(ANYBODY, {"email": "x@acme.example", "password": "wrong"}),
    "sign_in.leave": Case(ANYBODY),
    "sign_in.recover": Case(ANYBODY),
    "sign_in.send_link": Case(ANYBODY, {"email": "x@acme.example"}),
    "sign_in.choose": Case(ANYBODY),
    "sign_in.set_password": Case(ANYBODY, PASSWORD),
    "account.show": Case(USERS),
    "account.change_password": Case(USERS, {"old": "x", "new": "y", "repeat": "y"}),
    "account.choose_language": Case(USERS, {"language": "es"}),
    "account.end_sign_in": Case(USERS),
    "account.end_others": Case(USERS),
    "users.index": Case(BOSS),
    "users.blank": Case(BOSS),
    "users.create": Case(BOSS, NEW_USER),
    "users.show": Case(BOSS),
    "users.change": Case(BOSS, NEW_USER | {"name": "Changed"}),
    "users.delete": Case(BOSS, {"successor": ""}),
    "users.send_link": Case(BOSS),
    "audit.index": Case(BOSS),
    "administration.features": Case(BOSS),
    "administration.switch": Case(BOSS, {"on": "1"}),
    "administration.show_settings": Case(BOSS),
    "administration.save_settings": Case(
        BOSS, {"greeting": "Hi", "customers_attach": "on", "longest_message": "4000"}
    ),
    "administration.entry_points": Case(BOSS),
    "administration.add_entry_point": Case(
        BOSS, {"slug": "side", "title": "Side", "channel": "chat", "is_open": "1"}
    ),
    "administration.change_entry_point": Case(BOSS, {"title": "Changed"}),
    "sessions.show": Case(USERS),
    "sessions.attend": Case(USERS),
    "sessions.hand_back": Case(USERS),
    "sessions.end": Case(USERS),
    "sessions.delete": Case(USERS),
    "sessions.priority": Case(USERS, {"priority": "2"}),
    "visit.link": Case(ANYBODY),
    "visit.knock": Case(ANYBODY, {"id": "42"}),
    "visit.entry": Case(ANYBODY),
    "visit.come_in": Case(ANYBODY, {"name": "Newcomer"}),
    "visit.page": Case(CUSTOMER),
    "visit.leave": Case(CUSTOMER),
    "visit.again": Case(CUSTOMER),
    "files.add": Case(USERS, raw=b"hello"),
    "files.add_as_customer": Case(CUSTOMER, raw=b"hello"),
    "files.fetch": Case(USERS),
    "files.fetch_as_customer": Case(CUSTOMER),
    "realtime.ticket": Case(SIGNED_IN),
    "realtime.connect": Case(ANYBODY),
    "blacklist.index": Case(BOSS),
    "blacklist.new": Case(BOSS),
    "blacklist.add": Case(BOSS, ENTRY),
    "blacklist.show": Case(BOSS),
    "blacklist.edit": Case(BOSS, {"reason": "Changed"}),
    "blacklist.remove": Case(BOSS),
    "blacklist.block": Case(USERS, {"kind": "email", "value": "ines@beta.example"}),
    "blacklist.unblock": Case(USERS, {"kind": "email", "value": "ines@beta.example"}),
    "chat.events": Case(SIGNED_IN),
    "chat.start": Case(SIGNED_IN),
    "chat.choices": Case(USERS),
    "chat.responses": Case(USERS),
    "chat.add_response": Case(USERS, {"title": "New", "text": "New", "language": ""}),
    "chat.edit_response": Case(BOSS),
    "chat.change_response": Case(BOSS, RESPONSE),
    "chat.delete_response": Case(BOSS),
    "chat.script": Case(ANYBODY),
    "chat.frame": Case(ANYBODY),
    "chat.come_in": Case(ANYBODY, json={"name": "Newcomer"}),
    "chat.resume": Case(CUSTOMER),
    "chat.come_again": Case(CUSTOMER, json={}),
    "email.outbox": Case(BOSS),
    "email.mail": Case(BOSS),
    "email.mail_html": Case(BOSS),
    "notify.new": Case(USERS),
    "notify.send": Case(USERS, NOTICE),
    "notify.sent": Case(USERS),
    "notify.card": Case(USERS),
    "notify.resend": Case(USERS),
    "notify.withdraw": Case(USERS),
    "notify.link": Case(USERS),
    "notify.note": Case(USERS),
    "notify.send_note": Case(USERS, {"email": "c@acme.example", "comment": "Hello"}),
    "notify.templates": Case(BOSS),
    "notify.template": Case(BOSS),
    "notify.save_template": Case(
        BOSS, {"subject": "Hello", "body": "Hello {comment} {link}", "act": "save"}
    ),
    "teamview.home": Case(USERS),
    "teamview.team": Case(USERS),
    "teamview.dark": Case(USERS),
    "teamview.choose": Case(USERS, {"view": "dark"}),
}

ARGUMENTS: dict[str, tuple[Callable[[House], object], object]] = {
    "session_id": (lambda house: house.invited.id, NOWHERE),
    "user_id": (lambda house: house.agent.id, 2_000_000_000),
    "file_id": (lambda house: house.file.id, NOWHERE),
    "entry_id": (lambda house: house.entry.id, 2_000_000_000),
    "response_id": (lambda house: house.response.id, 2_000_000_000),
    "sign_in_id": (lambda house: house.sign_in.id, 2_000_000_000),
    "point_id": (lambda house: house.point.id, 2_000_000_000),
    "mail_id": (lambda house: house.mail_id, "f" * 32),
    "slug": (lambda house: house.point.slug, "nowhere-only"),
}
"""Argument -> its value in a house, and one that is nobody's."""
TOKENS: dict[str, Callable[[House], str]] = {
    "visit.link": lambda house: link_token(house.invitation.id),
    "visit.knock": lambda house: link_token(house.invitation.id),
    "sign_in.choose": lambda house: house.password_token,
    "sign_in.set_password": lambda house: house.password_token,
}
COMMON: dict[str, str] = {
    "plugin": "chat",
    "kind": "note",
    "channel": "email",
    "language": "en",
    "owner": "core",
    "version": "0",
    "path": "icons.svg",
}
"""Arguments that name no record of any tenant."""


@dataclass(frozen=True, slots=True)
class Route:
    endpoint: str
    method: str
    rule: str
    arguments: tuple[str, ...]

    @property
    def case(self) -> Case:
        return CASES[self.endpoint]

    @property
    def names_a_record(self) -> bool:
        return "token" in self.arguments or any(a in ARGUMENTS for a in self.arguments)

    def path(self, app: Quart, house: House | None) -> str:
        """Return the path to a record of *house*; ``None``: to one that is nobody's."""
        values: dict[str, object] = {}
        for name in self.arguments:
            if name == "token":
                values[name] = TOKENS[self.endpoint](house) if house else "A" * 32
            elif name in COMMON:
                values[name] = COMMON[name]
            else:
                of_house, missing = ARGUMENTS[name]
                values[name] = of_house(house) if house else missing
        adapter = app.url_map.bind("localhost")
        return adapter.build(self.endpoint, values, self.method)


def rules(app: Quart) -> Iterator[Rule]:
    """Yield the rules of core and of our plugins; other distributions test their own."""
    ours = {"", *our_plugins()}
    for rule in app.url_map.iter_rules():
        blueprint = app.blueprints.get(rule.endpoint.rpartition(".")[0])
        if getattr(blueprint, "plugin", "") in ours:
            yield rule


def routes(app: Quart) -> Iterator[Route]:
    for rule in rules(app):
        if not rule.websocket:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(rule.endpoint, method, rule.rule, tuple(sorted(rule.arguments)))
