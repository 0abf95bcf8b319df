"""What a file is, by its first bytes, and whether a browser may show it beside our pages."""

from __future__ import annotations

import struct
from typing import Final

import magic

HEAD: Final = 64 * 1024
"""Bytes of the beginning that are looked at."""
MAX_PIXELS: Final = 25_000_000
SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
UNKNOWN: Final = "application/octet-stream"


def media_type(head: bytes) -> str:
    """Name the type. An image whose size is hidden or absurd is ``UNKNOWN``: a small file may
    unpack to gigabytes in the browser of whoever looks at it.
    """
    found = str(magic.from_buffer(head, mime=True))
    if found in SHOWN:
        size = _SIZES[found](head)
        if size is None or not 0 < size[0] * size[1] <= MAX_PIXELS:
            return UNKNOWN
    return found if "/" in found and len(found) <= 120 else UNKNOWN


def _png(head: bytes) -> tuple[int, int] | None:
    return struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> tuple[int, int] | None:
    return struct.unpack("<HH", head[6:10]) if len(head) >= 10 else None


def _webp(head: bytes) -> tuple[int, int] | None:
    """Read one of the three layouts: developers.google.com/speed/webp/docs/riff_container."""
    match head[12:16]:
        case b"VP8X" if len(head) >= 30:
            wide, high = (int.from_bytes(head[n : n + 3], "little") for n in (24, 27))
            return wide + 1, high + 1
        case b"VP8L" if len(head) >= 25:
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 " if len(head) >= 30:
            wide, high = struct.unpack("<HH", head[26:30])
            return wide & 0x3FFF, high & 0x3FFF
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            high, wide = struct.unpack(">HH", head[at + 5 : at + 9])
            return wide, high
        at += 2 + length
    return None


_SIZES: Final = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}
