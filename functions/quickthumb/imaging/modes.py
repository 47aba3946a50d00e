"""From the many pixel layouts of files to the few that can be averaged: 8 bits a channel."""

from PIL import Image

AVERAGED = frozenset(("L", "LA", "RGB", "RGBA", "CMYK", "LAB"))
"""Layouts that are reduced as they are."""

_SAME_MEANING = {
    "1": "L",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}


def with_averageable_pixels(image: Image.Image) -> Image.Image:
    """Return the picture in one of the `AVERAGED` layouts.

    A palette becomes its colours, a transparent colour becomes an alpha channel, 16 bits a channel
    become the upper 8. Wider numbers have no agreed black and white, so theirs are the darkest and the
    brightest pixel.
    """
    mode = image.mode
    if mode in ("P", "L", "RGB") and "transparency" in image.info:
        return image.convert("LA" if mode == "L" else "RGBA")
    if mode in AVERAGED:
        return image
    if mode == "P":
        return image.convert("RGB")
    if mode.startswith("I;16"):
        return _eight_of_sixteen_bits(image)
    if mode in ("I", "F"):
        return _stretched(image)
    return image.convert(_SAME_MEANING[mode])


def _eight_of_sixteen_bits(image: Image.Image) -> Image.Image:
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _stretched(image: Image.Image) -> Image.Image:
    extrema = image.getextrema()
    low, high = float(extrema[0]), float(extrema[1])  # type: ignore[arg-type]  # one channel
    scale = 255.0 / (high - low) if high > low else 0.0
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
