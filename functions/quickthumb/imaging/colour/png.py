"""Colours of a PNG: https://www.w3.org/TR/png-3/, sections 4.3 and 11.3.2."""

import struct
import zlib
from collections.abc import Mapping

from quickthumb.imaging.colour.h273 import as_stated
from quickthumb.imaging.colour.space import BT709, SRGB, Curve, Primaries, RgbSpace
from quickthumb.imaging.colour.srgb import Meaning
from quickthumb.imaging.formats.png import SHORTEST, chunks_before_pixels

_MOST_PROFILE_BYTES = 8_000_000
"""Unpacked, as in libpng."""

_KINDS = frozenset((b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cLLI", b"mDCV"))

_RGB, _FULL_RANGE = 0, 1
"""What a cICP must say of matrix and range."""

_GAMMA_OF_SCREENS = 2.2
_VISIBLE = 0.05
"""By how much, as a share, a gamma must differ from that of screens to be applied alone."""


def meanings(data: bytes, _: bytes | None) -> list[Meaning]:
    """Return what a PNG says of its colours, most important first."""
    found: dict[bytes, bytes] = {}
    for kind, start, end in chunks_before_pixels(data):
        if kind in _KINDS and _is_sound(data, kind, start, end):
            found.setdefault(kind, data[start:end])
    profile = _unpacked(found[b"iCCP"]) if b"iCCP" in found else None
    srgb = SRGB if b"sRGB" in found else None
    all_of_them = (_coded(found), profile, srgb, _measured(found))
    return [meaning for meaning in all_of_them if meaning]


def _is_sound(data: bytes, kind: bytes, start: int, end: int) -> bool:
    if end - start < SHORTEST.get(kind, 0):
        return False
    [checksum] = struct.unpack_from(">I", data, end)
    return zlib.crc32(memoryview(data)[start - 4 : end]) == int(checksum)


def _coded(found: Mapping[bytes, bytes]) -> RgbSpace | None:
    """Return the meaning of a cICP (11.3.2.6)."""
    codes = found.get(b"cICP", b"")
    if len(codes) != 4 or (codes[2], codes[3]) != (_RGB, _FULL_RANGE):
        return None
    return as_stated(codes[0], codes[1], _peak(found))


def _peak(found: Mapping[bytes, bytes]) -> float | None:
    """Return the brightest light (11.3.2.8), or that of the screen it was made on (11.3.2.7)."""
    for kind, at in ((b"cLLI", 0), (b"mDCV", 16)):
        stored = int.from_bytes(found.get(kind, b"")[at : at + 4], "big")
        if stored:
            return stored / 10_000
    return None


def _unpacked(chunk: bytes) -> bytes | None:
    """Return the profile in an iCCP (11.3.2.3), None if it is broken or too large."""
    named = chunk.find(b"\0")
    if named < 0 or chunk[named + 1 : named + 2] != b"\0":
        return None
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(chunk[named + 2 :], _MOST_PROFILE_BYTES)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else profile


def _measured(found: Mapping[bytes, bytes]) -> RgbSpace | None:
    """Return the meaning of gAMA (11.3.2.2) and cHRM (11.3.2.1).

    Browsers ignore a cHRM alone, and a gAMA alone that means about the same as sRGB.
    """
    stored = int.from_bytes(found.get(b"gAMA", b"")[:4], "big")
    if not stored:
        return None
    gamma = 100_000 / stored
    if b"cHRM" in found:
        return RgbSpace(_primaries(found[b"cHRM"]) or BT709, (Curve(gamma),) * 3)
    if abs(_GAMMA_OF_SCREENS / gamma - 1) <= _VISIBLE:
        return None
    return RgbSpace(BT709, (Curve(gamma),) * 3)


def _primaries(chunk: bytes) -> Primaries | None:
    if len(chunk) != 32:
        return None
    numbers = [number / 100_000 for number in struct.unpack(">8I", chunk)]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return Primaries(*pairs)
