"""Where people look, guessed from what a few cheap filters see."""

from PIL import Image, ImageChops, ImageFilter, ImageStat

_SIDE = 128
"""Longest side of the picture that is looked at, pixels: enough for what catches the eye."""

_SKIN_HUE = (0, 28)
"""Hues of human skin of every shade, of 256; what differs is how light it is."""

_SKIN_SATURATION = (45, 170)
_SKIN_LEAST_VALUE = 60


def saliency(image: Image.Image) -> Image.Image:
    """Return a map of weights, mode F, of at most 128 pixels a side.

    It adds fine detail, colours and tones that stand out from the rest, and skin. Transparent
    pixels weigh nothing.
    """
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    rgb = small.convert("RGB")
    weights = ImageChops.add(_detail(rgb), _contrast(rgb), scale=2)
    weights = ImageChops.add(weights, _skin(rgb), scale=1.5)
    if small.mode in ("LA", "RGBA"):
        weights = ImageChops.multiply(weights, small.getchannel("A"))
    return weights.convert("F")


def _detail(rgb: Image.Image) -> Image.Image:
    """Return edges, blurred so that a region counts by how much of it has detail."""
    edges = rgb.convert("L").filter(ImageFilter.FIND_EDGES)
    inner = Image.new("L", edges.size)  # the filter leaves the rim of the picture as it was
    inner.paste(edges.crop((1, 1, max(2, edges.width - 1), max(2, edges.height - 1))), (1, 1))
    return inner.filter(ImageFilter.GaussianBlur(2))


def _contrast(rgb: Image.Image) -> Image.Image:
    """Return how far each region is from the mean colour of the picture."""
    red, green, blue = (round(mean) for mean in ImageStat.Stat(rgb).mean)
    soft = rgb.filter(ImageFilter.GaussianBlur(2))
    difference = ImageChops.difference(soft, Image.new("RGB", rgb.size, (red, green, blue)))
    strongest = difference.getchannel("R")
    for channel in ("G", "B"):
        strongest = ImageChops.lighter(strongest, difference.getchannel(channel))
    return strongest


def _skin(rgb: Image.Image) -> Image.Image:
    """Return where the colour is that of skin."""
    hue, saturation, value = rgb.convert("HSV").split()
    return ImageChops.multiply(
        ImageChops.multiply(
            hue.point([255 * (_SKIN_HUE[0] <= level <= _SKIN_HUE[1]) for level in range(256)]),
            saturation.point(
                [
                    255 * (_SKIN_SATURATION[0] <= level <= _SKIN_SATURATION[1])
                    for level in range(256)
                ]
            ),
        ),
        value.point([level * (level >= _SKIN_LEAST_VALUE) for level in range(256)]),
    )
