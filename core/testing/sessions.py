"""Moves that agents and customers make through core's pages, for tests of plugins."""

from __future__ import annotations

from core.sessions import attend, delete, end, follow_up, get, hand_back, set_priority

__all__ = ["attend", "delete", "end", "follow_up", "get", "hand_back", "set_priority"]
