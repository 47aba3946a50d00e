"""Colours of an AVIF or a HEIC: ISO/IEC 14496-12, 12.1.5."""

import struct
from collections.abc import Iterator

from quickthumb.imaging.colour.h273 import as_displayed
from quickthumb.imaging.colour.space import RgbSpace
from quickthumb.imaging.colour.srgb import Meaning
from quickthumb.imaging.formats.bmff import Index, read_index
from quickthumb.problems import Corrupt

_MASTERED = 16
"""Offset in an `mdcv` of the brightest light of the screen, in units of 0.0001 nits."""


def meanings(data: bytes, profile: bytes | None) -> list[Meaning]:
    """Return what a file says of its colours; an ICC profile counts more than codes."""
    found: list[Meaning] = [profile] if profile else []
    try:
        return [*found, *_coded(read_index(data))]
    except (Corrupt, struct.error):  # what is left out is no reason to refuse the picture
        return found


def _coded(index: Index) -> Iterator[RgbSpace]:
    for kind, start, _ in index.properties:
        if kind == b"colr" and index.data[start : start + 4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", index.data, start + 4)
            space = as_displayed(primaries, transfer, _peak(index))
            if space:
                yield space


def _peak(index: Index) -> float | None:
    """Return the brightest light of the picture, or else of the screen it was made on, nits."""
    places = {kind: start for kind, start, _ in index.properties}
    if b"clli" in places:
        [stored] = struct.unpack_from(">H", index.data, places[b"clli"])
        if stored:
            return float(stored)
    if b"mdcv" in places:
        [stored] = struct.unpack_from(">I", index.data, places[b"mdcv"] + _MASTERED)
        return stored / 10_000 or None
    return None
