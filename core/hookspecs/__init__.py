"""Every hook, one module per area. The docstrings here are the reference manual."""

from __future__ import annotations

from core.hookspecs.channels import ChannelHooks
from core.hookspecs.ops import OpsHooks
from core.hookspecs.privacy import PrivacyHooks
from core.hookspecs.rendering import RenderingHooks
from core.hookspecs.sessions import SessionHooks

ALL: tuple[type, ...] = (SessionHooks, ChannelHooks, RenderingHooks, PrivacyHooks, OpsHooks)


class AllHooks(SessionHooks, ChannelHooks, RenderingHooks, PrivacyHooks, OpsHooks):
    """Only for type checkers: what ``TenantHooks`` can be asked."""
