"""Colours of a BMP: https://learn.microsoft.com/en-us/windows/win32/api/wingdi/ns-wingdi-bitmapv5header."""

import struct
from collections.abc import Sequence

from quickthumb.imaging.colour.space import D65, Curve, Primaries, RgbSpace
from quickthumb.imaging.colour.srgb import Meaning

_INFO = 14
"""Offset of the header in the file."""

_VERSION_4, _VERSION_5 = 108, 124
"""Sizes of the headers that describe colours."""

_SPACE, _ENDPOINTS, _GAMMA, _PROFILE = 56, 60, 96, 112
"""Offsets in the header: of the colour space, primaries, exponents, and the place of a profile."""

_CALIBRATED, _EMBEDDED = 0, 0x4D424544

_ONE, _ONE_OF_GAMMA = 1 << 30, 1 << 16


def meanings(data: bytes, _: bytes | None) -> Sequence[Meaning]:
    """Return what a BMP says of its colours, if anything."""
    [size] = struct.unpack_from("<I", data, _INFO)
    if size not in (_VERSION_4, _VERSION_5):
        return ()
    [space] = struct.unpack_from("<I", data, _INFO + _SPACE)
    if space == _CALIBRATED:
        calibrated = _calibrated(data)
        return (calibrated,) if calibrated else ()
    if space == _EMBEDDED and size == _VERSION_5:
        at, length = struct.unpack_from("<II", data, _INFO + _PROFILE)
        return (data[_INFO + at : _INFO + at + length],)
    return ()


def _calibrated(data: bytes) -> RgbSpace | None:
    """Return the colour space in the header, None if it is not filled in.

    The white is not stored. All writers mean that of daylight.
    """
    numbers = struct.unpack_from("<9i", data, _INFO + _ENDPOINTS)
    exponents = struct.unpack_from("<3I", data, _INFO + _GAMMA)
    channels = [numbers[at : at + 3] for at in (0, 3, 6)]
    sums = [sum(channel) for channel in channels]
    if min(*exponents, *sums) <= 0:
        return None
    red, green, blue = (
        (x / total, y / total) for (x, y, _), total in zip(channels, sums, strict=True)
    )
    gammas = [Curve(exponent / _ONE_OF_GAMMA) for exponent in exponents]
    return RgbSpace(Primaries(D65, red, green, blue), (gammas[0], gammas[1], gammas[2]))
