"""Reducing decoded pixels with Pillow, a band of rows at a time."""

from collections.abc import Callable
from math import ceil, floor

from PIL import Image, ImageFilter

from quickthumb.imaging.geometry import Size
from quickthumb.imaging.modes import averageable, premultiplied, unmultiplied

LANCZOS = Image.Resampling.LANCZOS

BOX_RESERVE = 3
"""Averaging boxes of pixels before Lanczos is invisible while three times the target is left."""

_TENT_RATIO = 2
"""From which on a tent and sharpening are faster than bicubic, and nearer to Lanczos."""

_TENT_DROOP = 0.108
"""What a tent takes from the finest detail, as a share for `_sharpened`."""

BAND_PIXELS = 4_000_000
"""Of a picture that are reduced at once, so that no more of them need memory a second time."""

_SUPPORT = 3
"""How far Lanczos looks around a pixel of the result, in such pixels; no filter looks farther."""


Box = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels."""


def shrunk(image: Image.Image, size: Size) -> Image.Image:
    """Reduce a decoded picture to exactly `size` pixels; see `Engine.shrink`."""
    if image.size == size:
        return _in_bands(image, 1, lambda band: band)
    factor = max(1, min(image.width // size[0], image.height // size[1]) // BOX_RESERVE)
    if factor > 1:
        boxed = _in_bands(image, factor, lambda band: band.reduce(factor))
        box = (0, 0, image.width / factor, image.height / factor)
        return boxed.resize(size, LANCZOS, box=box)
    return _resampled(image, size)


def without_droop(image: Image.Image, reserve: float) -> Image.Image:
    """Undo what a decoder that averages boxes of pixels took from the finest detail: worth 2 dB.

    A box passes sinc(f) of a frequency f; sharpening is its inverse to the second order.

    Args:
        image: what was made of the decoder's.
        reserve: how many times larger that was.
    """
    return _sharpened(image, 0.05 / reserve**2)


def well_enough(image: Image.Image, size: Size) -> Image.Image:
    """Reduce a picture of which nothing was lost yet, well enough (44 dB) and fast.

    A tent looks at half the pixels that bicubic looks at; sharpening gives back what it takes from
    fine detail. That takes its time for each pixel of the result, so there must be few.
    """
    if min(image.width / size[0], image.height / size[1]) < _TENT_RATIO:
        return _resampled(image, size, Image.Resampling.BICUBIC)
    return _sharpened(_resampled(image, size, Image.Resampling.BILINEAR), _TENT_DROOP)


def _sharpened(image: Image.Image, side: float) -> Image.Image:
    """Take a share of each neighbour, fitted to photographs, off every pixel."""
    centre = 1 + 2 * side
    kernel = [a * b for a in (-side, centre, -side) for b in (-side, centre, -side)]
    return image.filter(ImageFilter.Kernel((3, 3), kernel, scale=1))


def _resampled(
    image: Image.Image, size: Size, resampling: Image.Resampling = LANCZOS
) -> Image.Image:
    """Reduce a picture, and of a large one a band of rows after the other.

    Pillow needs memory for all pixels once more to convert them or to multiply alpha in, and for
    all rows at the new width.
    """
    convert = averageable(image)

    def resampled(part: Image.Image, rows: int, box: Box) -> Image.Image:
        reduced = premultiplied(convert(part)).resize((size[0], rows), resampling, box=box)
        return unmultiplied(reduced)

    width, height = image.size
    ratio = height / size[1]
    rows = max(1, int(BAND_PIXELS / (width * ratio)))
    if rows >= size[1]:
        return resampled(image, size[1], (0, 0, width, height))
    around = ceil(_SUPPORT * max(1, ratio)) + 1
    joined: Image.Image | None = None
    for top in range(0, size[1], rows):
        bottom = min(size[1], top + rows)
        first = max(0, floor(top * ratio) - around)
        last = min(height, ceil(bottom * ratio) + around)
        # The rows outside of the box still count for those at its rim.
        box = (0, top * ratio - first, width, min(bottom * ratio, height) - first)
        part = resampled(image.crop((0, first, width, last)), bottom - top, box)
        joined = joined or Image.new(part.mode, size)
        joined.paste(part, (0, top))
    assert joined is not None  # noqa: S101  # there is at least one row
    return joined


def _in_bands(
    image: Image.Image, factor: int, reduce: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Reduce a picture by whole rows, a band of them at a time, each in a layout to be averaged.

    Args:
        image: in any layout.
        factor: the number of rows that become one; no band but the last has a part of it.
        reduce: what is done to every band.
    """
    convert = averageable(image)
    rows = max(1, BAND_PIXELS // (image.width * factor)) * factor
    if rows >= image.height:
        return reduce(convert(image))
    joined: Image.Image | None = None
    for top in range(0, image.height, rows):
        band = convert(image.crop((0, top, image.width, min(image.height, top + rows))))
        reduced = reduce(band)
        if joined is None:
            joined = Image.new(reduced.mode, (reduced.width, -(-image.height // factor)))
        joined.paste(reduced, (0, top // factor))
    assert joined is not None  # noqa: S101  # there is at least one row
    return joined
