"""Estimates with a few cheap filters which parts of a picture people look at."""

from PIL import Image, ImageChops, ImageFilter, ImageStat

from quickthumb.imaging.geometry import plan

_SIDE = 128
"""Longest side of the analysed picture, pixels."""

_SKIN_CB = range(77, 128)
_SKIN_CR = range(133, 174)
"""Skin of every shade lies in this range of chroma, and differs in luma.

D. Chai and K. N. Ngan, Face segmentation using skin-color map in videophone applications, 1999.
"""


_CENTRE_BIAS = 0.9
"""The share of its weight that a pixel at the edge loses."""


def saliency(image: Image.Image) -> Image.Image:
    """Return a map of weights, mode F, of at most 128 pixels a side.

    It is the sum of fine detail, contrast with the mean colour, and skin colour. The more of the
    picture has skin colour, the less that counts, since wood and sand have it too. Transparent
    pixels have no weight.
    """
    looked_at = plan(image.size, (_SIDE, _SIDE), "contain").final
    small = image.resize(looked_at, Image.Resampling.BILINEAR)
    rgb = small.convert("RGB")
    skin = _skin(rgb)
    rarity = 1 - ImageStat.Stat(skin.point(lambda level: 255 * (level > 0))).mean[0] / 255
    weights = ImageChops.add(_above_mean(_detail(rgb)), _above_mean(_contrast(rgb)), scale=2)
    weights = ImageChops.add(weights, skin.point(lambda level: level * rarity**2))
    weights = ImageChops.multiply(weights, _centre(rgb.size))
    if small.mode in ("LA", "RGBA"):
        weights = ImageChops.multiply(weights, small.getchannel("A"))
    return weights.convert("F")


def _centre(size: tuple[int, int]) -> Image.Image:
    """Return weights that are highest in the middle, where photographers aim."""
    distance = Image.radial_gradient("L").resize(size)
    return distance.point(lambda level: 255 - level * _CENTRE_BIAS)


def _above_mean(channel: Image.Image) -> Image.Image:
    """Return how much each pixel is above the mean, scaled to a maximum of 255."""
    mean = ImageStat.Stat(channel).mean[0]
    _, highest = channel.getextrema()
    assert isinstance(highest, int)  # noqa: S101  # of one channel
    scale = 255 / max(1.0, highest - mean)
    return channel.point(lambda level: max(0.0, (level - mean) * scale))


def _detail(rgb: Image.Image) -> Image.Image:
    """Return edges, blurred to the density of detail in a region."""
    edges = rgb.convert("L").filter(ImageFilter.FIND_EDGES)
    inner = Image.new("L", edges.size)  # the filter leaves the outermost pixels unchanged
    inner.paste(edges.crop((1, 1, max(2, edges.width - 1), max(2, edges.height - 1))), (1, 1))
    return inner.filter(ImageFilter.GaussianBlur(2))


def _contrast(rgb: Image.Image) -> Image.Image:
    """Return the difference of each region from the mean colour of the picture."""
    red, green, blue = (round(mean) for mean in ImageStat.Stat(rgb).mean)
    soft = rgb.filter(ImageFilter.GaussianBlur(2))
    difference = ImageChops.difference(soft, Image.new("RGB", rgb.size, (red, green, blue)))
    strongest = difference.getchannel("R")
    for channel in ("G", "B"):
        strongest = ImageChops.lighter(strongest, difference.getchannel(channel))
    return strongest


def _skin(rgb: Image.Image) -> Image.Image:
    """Return the luma of pixels of skin colour, 0 elsewhere."""
    light, blue, red = rgb.convert("YCbCr").split()
    chroma = ImageChops.multiply(_within(blue, _SKIN_CB), _within(red, _SKIN_CR))
    return ImageChops.multiply(chroma, light)


def _within(channel: Image.Image, span: range) -> Image.Image:
    return channel.point([255 * (level in span) for level in range(256)])
