"""Converts pixel layouts to those that can be averaged, with 8 bits per channel."""

from collections.abc import Callable

from PIL import Image

AVERAGED = frozenset(("L", "LA", "RGB", "RGBA", "CMYK", "LAB"))
"""Layouts that can be reduced without conversion."""

BITS, WHITE_IS_ZERO = "bits", "white_is_zero"
"""Keys of `Image.info` for 16-bit samples: how many bits are used, and whether 0 is white."""

_SAME_MEANING = {
    "P": "RGB",
    "1": "L",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}


def averageable(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts a picture, or a part of it, to one of the `AVERAGED` layouts.

    A palette becomes its colours, a transparent colour becomes an alpha channel, and of 16 bits per
    channel the upper 8 are kept. Wider samples have no agreed black and white, so the darkest and
    the brightest pixel of the whole picture are used.
    """
    mode = image.mode
    if mode in ("P", "L", "RGB", "1") and "transparency" in image.info:
        with_alpha = "LA" if mode in ("L", "1") else "RGBA"
        return lambda part: part.convert(with_alpha)
    if mode in AVERAGED:
        return lambda part: part
    if mode.startswith("I;16"):
        return _eight_bits(image)
    if mode in ("I", "F"):
        return _stretching(image)
    other = _SAME_MEANING[mode]
    return lambda part: part.convert(other)


def premultiplied(image: Image.Image) -> Image.Image:
    """Return the picture with premultiplied alpha, so that invisible colours do not bleed."""
    mode = {"LA": "La", "RGBA": "RGBa"}.get(image.mode)
    return image.convert(mode) if mode else image


def unmultiplied(image: Image.Image) -> Image.Image:
    """Undo `premultiplied`."""
    mode = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
    return image.convert(mode) if mode else image


def _eight_bits(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Keep the upper bits, and add an alpha channel if a level is transparent."""
    levels = 1 << image.info.get(BITS, 16)
    scale = 256 / levels
    slope, start = (-scale, (levels - 1) * scale) if image.info.get(WHITE_IS_ZERO) else (scale, 0)
    transparent = image.info.get("transparency")

    def narrowed(part: Image.Image) -> Image.Image:
        wide = part.convert("I")
        grey = wide.point(lambda value: value * slope + start).convert("L")
        if transparent is not None:
            opacity = [255] * 65_536
            opacity[transparent] = 0
            grey.putalpha(wide.point(opacity, "L"))
        return grey

    return narrowed


def _stretching(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    extrema = image.getextrema()
    black, white = float(extrema[0]), float(extrema[1])  # type: ignore[arg-type]  # one channel
    if image.info.get(WHITE_IS_ZERO):
        black, white = white, black
    scale = 255.0 / (white - black) if white != black else 0.0

    def stretched(part: Image.Image) -> Image.Image:
        return part.convert("F").point(lambda value: value * scale - black * scale).convert("L")

    return stretched
