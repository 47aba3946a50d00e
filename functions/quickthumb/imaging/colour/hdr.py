"""Shows light beyond white on a screen without it, as Chromium does.

Rec. ITU-R BT.2100 defines the light of stored levels, BT.2408 where white is in it. How brighter
light is compressed is up to viewers. Chromium takes the reference white tone mapping operator of
SMPTE ST 2094-50: https://github.com/google/skia/blob/main/src/codec/SkHdrAgtm.cpp
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, log, log2
from typing import Any

from PIL import Image, ImageMath

from quickthumb.imaging.colour.space import (
    BT709,
    BT2020,
    SRGB_CURVE,
    Hdr,
    Matrix,
    RgbSpace,
    between,
    to_xyz,
)

_WHITE = 203.0
"""Nits of the white of paper (BT.2408, table 1)."""

_PEAK = 1000.0
"""Nits of the screen that a picture was made for, if it does not say."""

_BAND_PIXELS = 250_000
"""Converted at a time: some ten numbers of four bytes are held for each."""

_LEVELS = 65_536

_FAINTEST = 1e-6
"""Added where a power of 0 would be taken."""

_BEND = 0.65
"""Where the middle control point of the curve above white lies between its ends."""

Channels = list[Any]
"""Red, green and blue, as pictures in mode F or as expressions of them."""


def converter(space: RgbSpace) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts a picture in mode RGB to sRGB."""
    shown = _show(space)

    def converted(image: Image.Image) -> Image.Image:
        rows = max(1, _BAND_PIXELS // image.width)
        out = Image.new("RGB", image.size)
        for top in range(0, image.height, rows):
            band = image.crop((0, top, image.width, min(image.height, top + rows)))
            out.paste(shown(band), (0, top))
        return out

    return converted


def _show(space: RgbSpace) -> Callable[[Image.Image], Image.Image]:
    light = _pq_light() if space.curves is Hdr.PQ else _hlg_light()
    luminances = to_xyz(space.primaries)[1]
    to_wide, to_ours = between(space.primaries, BT2020), between(BT2020, BT709)
    compressed = _compressor(space.peak or _PEAK)

    def calculated(of: dict[str, Any]) -> Channels:
        channels = [of[name] for name in "rgb"]
        if space.curves is Hdr.HLG:
            channels = _on_screen(channels, luminances)
        if space.primaries != BT2020:
            channels = _mixed(channels, to_wide)
        channels = compressed(channels, of)
        return [of["convert"](each * (_LEVELS - 1), "I") for each in _mixed(channels, to_ours)]

    def shown(image: Image.Image) -> Image.Image:
        linear = {
            name: channel.point(light, "F")
            for name, channel in zip("rgb", image.split(), strict=True)
        }
        channels = ImageMath.lambda_eval(calculated, **linear)
        return _encoded([each.im for each in channels])

    return shown


def _encoded(channels: Sequence[Image.Image]) -> Image.Image:
    """Return the picture of which these are the light, in steps of `_LEVELS`."""
    width, height = channels[0].size
    # One below the other, since passing the table takes longer than applying it.
    column = Image.new("I", (width, height * len(channels)))
    for at, channel in enumerate(channels):
        column.paste(channel, (0, at * height))
    levels = column.point(_srgb_levels(), "L")
    tops = range(0, levels.height, height)
    return Image.merge("RGB", [levels.crop((0, top, width, top + height)) for top in tops])


def _on_screen(channels: Channels, luminances: Sequence[float]) -> Channels:
    """Turn the light of a scene into that of a screen of 1000 nits (BT.2100, table 5: OOTF)."""
    luminance = sum(each * share for each, share in zip(channels, luminances, strict=True))
    factor = (luminance + _FAINTEST) ** 0.2 * (_PEAK / _WHITE)
    return [each * factor for each in channels]


def _mixed(channels: Channels, matrix: Matrix) -> Channels:
    red, green, blue = channels
    return [red * a + green * b + blue * c for a, b, c in matrix]


def _compressor(peak: float) -> Callable[[Channels, dict[str, Any]], Channels]:
    """Return a function that maps light of up to `peak` nits to light of up to white.

    Up to white, light is dimmed, so that there is room above for what is brighter. From there, a
    quadratic Bezier curve leads to the peak. The brightest channel decides, so hues stay.
    """
    brightest = max(1.0, peak / _WHITE)
    if brightest == 1:
        return lambda channels, _: channels
    dimmed = 1 - 0.5 * min(1.0, log2(brightest) / log2(_PEAK / _WHITE))
    # The middle control point lies on the line that leads from black to where white is dimmed to.
    x_middle = 1 - _BEND + _BEND / dimmed
    y_middle = (1 - _BEND) * dimmed + _BEND
    a, b = 1 - 2 * x_middle + brightest, x_middle - 1
    y_a, y_b = dimmed - 2 * y_middle + 1, y_middle - dimmed

    def compressed(channels: Channels, of: dict[str, Any]) -> Channels:
        most = of["max"](of["max"](channels[0], channels[1]), of["max"](channels[2], 1.0))
        along = ((of["min"](most, brightest) - 1.0) * a + b * b) ** 0.5
        t = (along - b) * (1 / a)
        gain = (t * t * y_a + t * (2 * y_b) + dimmed) / most
        return [each * gain for each in channels]

    return compressed


@cache
def _pq_light() -> list[float]:
    """Return the light of each level of PQ, 1 for white (BT.2100, table 4: EOTF)."""
    m1, m2, c1, c2, c3 = 1305 / 8192, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128

    def light(level: float) -> float:
        power = level ** (1 / m2)
        return float(10_000 / _WHITE * (max(0.0, power - c1) / (c2 - c3 * power)) ** (1 / m1))

    return [light(level / 255) for level in range(256)]


@cache
def _hlg_light() -> list[float]:
    """Return the light in the scene of each level of HLG, from 0 to 1 (BT.2100, table 5)."""
    a = 0.17883277
    b = 1 - 4 * a
    c = 0.5 - a * log(4 * a)

    def light(level: float) -> float:
        return level * level / 3 if level <= 0.5 else (exp((level - c) / a) + b) / 12

    return [light(level / 255) for level in range(256)]


@cache
def _srgb_levels() -> list[int]:
    """Return the level of sRGB for each of so many steps of light."""
    curve = SRGB_CURVE

    def level(light: float) -> float:
        linear = light / curve.c
        return linear if linear < curve.d else (light ** (1 / curve.g) - curve.b) / curve.a

    return [round(255 * level(step / (_LEVELS - 1))) for step in range(_LEVELS)]
