"""Estimates with a few cheap filters which parts of a picture people look at."""

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath, ImageStat

from quickthumb.imaging.faces import Face
from quickthumb.imaging.geometry import Size, plan
from quickthumb.imaging.skin import skin

_SIDE = 128
"""Longest side of the analysed picture, pixels."""

_CENTRE_BIAS = 0.9
"""The share of its weight that a pixel at the edge loses."""

_EYE_LEVEL = 0.4
"""Where subjects are, from the top: heads are above the middle of a picture."""

_UPPER = 0.2
"""How much more the top weighs than the middle, and the bottom less."""

_FACES = 0.5
"""Weight of all faces together, compared with everything else."""

_HEAD = 1.4
"""Size of a head, compared with the face."""


def saliency(image: Image.Image, found: Sequence[Face]) -> Image.Image:
    """Return a map of weights, mode F, of at most 128 pixels a side.

    It is the sum of fine detail, contrast with the mean colour, and skin colour, more in the middle
    and above it; faces are added. The more of the picture has skin colour, the less that counts,
    since wood and sand have it too. Transparent pixels have no weight.

    Args:
        image: in mode L, LA, RGB or RGBA.
        found: the faces in it.
    """
    looked_at = plan(image.size, (_SIDE, _SIDE), "contain").final
    small = image.resize(looked_at, Image.Resampling.BILINEAR)
    rgb = small.convert("RGB")
    of_skin = skin(rgb)
    rarity = 1 - ImageStat.Stat(of_skin).mean[0] / 255
    lit = ImageChops.multiply(of_skin, rgb.convert("L"))
    weights = ImageChops.add(_above_mean(_detail(rgb)), _above_mean(_contrast(rgb)), scale=2)
    weights = ImageChops.add(weights, lit.point(lambda level: level * rarity**2))
    weights = ImageChops.multiply(weights, _expected(rgb.size))
    if small.mode in ("LA", "RGBA"):
        weights = ImageChops.multiply(weights, small.getchannel("A"))
    everything = weights.convert("F")
    if not found:
        return everything
    heads = of_faces(found, image.size).resize(looked_at, Image.Resampling.BOX)
    factor = _FACES * max(1.0, _mean(everything)) / max(1e-9, _mean(heads))
    both: Image.Image = ImageMath.lambda_eval(
        lambda args: args["everything"] + args["heads"] * factor, everything=everything, heads=heads
    )
    return both


def _mean(weights: Image.Image) -> float:
    mean = weights.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)  # noqa: S101  # in mode F
    return mean


def of_faces(found: Sequence[Face], size: Size) -> Image.Image:
    """Return a map of weights, mode F: heads as their faces are likely, and nothing else.

    Args:
        found: the faces.
        size: of the picture in which they were found, and of the map, pixels.
    """
    heads = Image.new("F", size)
    draw = ImageDraw.Draw(heads)
    for x, y, side, likelihood in reversed(found):
        half = max(0.5, side * _HEAD / 2)
        draw.rectangle((x - half, y - half, x + half, y + half), fill=likelihood / half)
    return heads


def _expected(size: Size) -> Image.Image:
    """Return weights that are highest where subjects are: in the middle, and above it."""
    distance = Image.new("L", size, 255)
    raised = round((0.5 - _EYE_LEVEL) * size[1])
    distance.paste(Image.radial_gradient("L").resize(size), (0, -raised))
    nearer = distance.point(lambda level: 255 - level * _CENTRE_BIAS)
    rising = Image.linear_gradient("L").resize(size)
    higher = rising.point(lambda level: 255 * (1 + _UPPER * (1 - level / 127.5)) / (1 + _UPPER))
    return ImageChops.multiply(nearer, higher)


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
