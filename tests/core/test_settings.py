from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from core.errors import BadInput
from core.settings import Settings, check, form_fields, parse_form


class Tone(StrEnum):
    BELL = "bell"
    NONE = "none"


class Toy(Settings, frozen=True, kw_only=True):
    wait_s: Annotated[
        int, msgspec.Meta(ge=1, le=60, title="Wait", description="Seconds to wait.")
    ] = 10
    on: Annotated[bool, msgspec.Meta(title="On", description="Whether.")] = True
    name: Annotated[str, msgspec.Meta(max_length=5, title="Name", description="Shown.")] = ""
    tone: Annotated[Tone, msgspec.Meta(title="Tone", description="Heard.")] = Tone.BELL
    side: Literal["left", "right"] = "left"


def test_defaults_fill_what_a_tenant_never_set() -> None:
    assert check(Toy, {"wait_s": 5}) == Toy(wait_s=5)


@pytest.mark.serves("S-10")
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"wait_s": 61}, "wait_s"),
        ({"wait_s": "5"}, "wait_s"),
        ({"wait_s": True}, "wait_s"),
        ({"name": "too long"}, "name"),
        ({"name": {"$ne": 1}}, "name"),
        ({"tone": "drum"}, "tone"),
        ({"balance": 100}, "balance"),
    ],
)
def test_what_is_not_a_setting_is_refused_by_name(values: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as raised:
        check(Toy, values)
    assert raised.value.details["field"] == field


def test_the_form_is_made_from_the_declaration() -> None:
    fields = {field.name: field for field in form_fields(Toy)}
    assert list(fields) == ["wait_s", "on", "name", "tone", "side"]
    assert [field.kind for field in fields.values()] == [
        "number",
        "switch",
        "text",
        "choice",
        "choice",
    ]
    wait = fields["wait_s"]
    assert (wait.minimum, wait.maximum, wait.default, wait.title) == (1, 60, 10, "Wait")
    assert fields["tone"].choices == ("bell", "none")


def test_a_form_sends_text_and_leaves_out_an_unticked_box() -> None:
    assert parse_form(Toy, {"wait_s": "7", "tone": "none"}) == Toy(
        wait_s=7, on=False, tone=Tone.NONE
    )
    assert parse_form(Toy, {"on": "on"}).on


@pytest.mark.parametrize("form", [{"wait_s": "soon"}, {"wait_s": "0"}, {"role": "administrator"}])
def test_a_form_cannot_send_anything_else(form: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        parse_form(Toy, form)
