"""Finds what has the colour of skin."""

from PIL import Image, ImageChops

_CB = range(77, 128)
_CR = range(133, 174)
"""Skin of every shade lies in this range of chroma, and differs in luma.

D. Chai and K. N. Ngan, Face segmentation using skin-color map in videophone applications, 1999.
"""

_FAINT = range(120, 137)
"""Chroma of what hardly has a colour; 128 has none."""


def skin(rgb: Image.Image) -> Image.Image:
    """Return a mask in mode L: 255 where a picture in mode RGB has the colour of skin, else 0."""
    _, blue, red = rgb.convert("YCbCr").split()
    return ImageChops.multiply(_within(blue, _CB), _within(red, _CR))


def is_colourless(rgb: Image.Image) -> bool:
    """Return whether a picture in mode RGB has hardly any colours, so that skin has none either."""
    _, *chroma = rgb.convert("YCbCr").split()
    return not any(_without(channel, _FAINT).getbbox() for channel in chroma)


def _within(channel: Image.Image, span: range) -> Image.Image:
    return channel.point([255 * (level in span) for level in range(256)])


def _without(channel: Image.Image, span: range) -> Image.Image:
    return ImageChops.invert(_within(channel, span))
