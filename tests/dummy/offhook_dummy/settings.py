"""What a tenant can set."""

from __future__ import annotations

from typing import Annotated

import msgspec

from core.api import Settings
from core.api import gettext_noop as _


class DummySettings(Settings, frozen=True, kw_only=True):
    greeting: Annotated[
        str,
        msgspec.Meta(
            max_length=40, title=_("Greeting"), description=_("What the dummy says to agents.")
        ),
    ] = "Hello"
    shown: Annotated[
        bool,
        msgspec.Meta(title=_("Shown"), description=_("Whether the dummy appears in pages.")),
    ] = True
