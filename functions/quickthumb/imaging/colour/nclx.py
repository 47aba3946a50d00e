"""Colours of an AVIF or a HEIC: ISO/IEC 14496-12, 12.1.5."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

from quickthumb.imaging.colour.h273 import as_displayed
from quickthumb.imaging.colour.space import RgbSpace
from quickthumb.imaging.colour.srgb import Meaning
from quickthumb.imaging.formats.avif import shown_properties
from quickthumb.imaging.formats.bmff import Box
from quickthumb.problems import Corrupt

_MASTERED = 16
"""Offset in an `mdcv` of the brightest light of the screen, in units of 0.0001 nits."""


def meanings(data: bytes, profile: bytes | None) -> list[Meaning]:
    """Return what a file says of its colours; an ICC profile counts more than codes."""
    found: list[Meaning] = [profile] if profile else []
    # What is damaged here is no reason to refuse the picture.
    with suppress(Corrupt, struct.error):
        found += _coded(data, shown_properties(data))
    return found


def _coded(data: bytes, properties: Sequence[Box]) -> Iterator[RgbSpace]:
    peak = _peak(data, properties)
    for kind, start, _ in properties:
        if kind == b"colr" and data[start : start + 4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            space = as_displayed(primaries, transfer, peak)
            if space:
                yield space


def _peak(data: bytes, properties: Sequence[Box]) -> float | None:
    """Return the brightest light of the picture, or else of the screen it was made on, nits."""
    places = {kind: start for kind, start, _ in properties}
    if b"clli" in places:
        [stored] = struct.unpack_from(">H", data, places[b"clli"])
        if stored:
            return float(stored)
    if b"mdcv" in places:
        [stored] = struct.unpack_from(">I", data, places[b"mdcv"] + _MASTERED)
        return stored / 10_000 or None
    return None
