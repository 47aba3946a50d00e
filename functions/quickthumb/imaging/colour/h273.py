"""Code points for colours: ITU-T H.273 (https://www.itu.int/rec/T-REC-H.273)."""

from collections.abc import Mapping

from quickthumb.imaging.colour.space import (
    BT709,
    BT2020,
    D65,
    SRGB_CURVE,
    Curve,
    Hdr,
    Primaries,
    RgbSpace,
)

UNSPECIFIED, _SRGB = 2, 13

_C = (0.310, 0.316)
_EQUAL_ENERGY = (1 / 3, 1 / 3)

_BT601_525 = Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

_PRIMARIES: Mapping[int, Primaries] = {
    1: BT709,
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),  # BT.470 M
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),  # BT.470 BG
    6: _BT601_525,
    7: _BT601_525,  # SMPTE 240M
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),  # film
    9: BT2020,
    10: Primaries(_EQUAL_ENERGY, (1, 0), (0, 1), (0, 0)),  # XYZ
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # DCI P3
    12: Primaries(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
    22: Primaries(D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),  # EBU Tech 3213
}

_SCREEN = Curve(2.4)
"""Of the screens that video is made on, whatever the camera does: ITU-R BT.1886."""

_CURVES: Mapping[int, Curve | Hdr] = {
    4: Curve(2.2),
    5: Curve(2.8),
    7: Curve(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),  # SMPTE 240M
    8: Curve(1.0),
    _SRGB: SRGB_CURVE,
    16: Hdr.PQ,
    17: Curve(2.6, (52.37 / 48) ** (1 / 2.6)),  # SMPTE 428-1
    18: Hdr.HLG,
}

_OF_VIDEO = frozenset((1, 6, 14, 15))
"""BT.709, BT.601, and BT.2020 with 10 and 12 bits: all have the same transfer function."""

_SRGB_IN_PROFILES = frozenset((1, 6, 11))
"""Chromium takes these for sRGB in a profile."""

_LIKE_VIDEO = _OF_VIDEO | {11}


def as_stated(primaries: int, transfer: int, peak: float | None = None) -> RgbSpace | None:
    """Return a colour space of which both codes are known, None otherwise.

    Args:
        primaries: ColourPrimaries.
        transfer: TransferCharacteristics.
        peak: brightest light, nits.
    """
    curve = _SCREEN if transfer in _LIKE_VIDEO else _CURVES.get(transfer)
    return _space(_PRIMARIES.get(primaries), curve, peak)


def as_profiled(primaries: int, transfer: int) -> RgbSpace | None:
    """Return the colour space of codes in an ICC profile; see `as_stated`."""
    return as_stated(primaries, _SRGB if transfer in _SRGB_IN_PROFILES else transfer)


def as_displayed(primaries: int, transfer: int, peak: float | None = None) -> RgbSpace | None:
    """Return the colour space of a picture in a video codec; see `as_stated`.

    Encoders label ordinary pictures with the transfer functions of video, and leave out what they
    do not know. Browsers show both as sRGB.
    """
    if primaries == transfer == UNSPECIFIED:
        return None
    curve = SRGB_CURVE if transfer in (UNSPECIFIED, *_OF_VIDEO) else _CURVES.get(transfer)
    return _space(BT709 if primaries == UNSPECIFIED else _PRIMARIES.get(primaries), curve, peak)


def _space(
    primaries: Primaries | None, curve: Curve | Hdr | None, peak: float | None
) -> RgbSpace | None:
    if primaries is None or curve is None:
        return None
    if isinstance(curve, Hdr):
        return RgbSpace(primaries, curve, peak)
    return RgbSpace(primaries, (curve, curve, curve))
