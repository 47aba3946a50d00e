"""Reduces decoded pictures with Pillow, in bands of rows."""

from collections.abc import Callable
from math import ceil, floor

from PIL import Image, ImageFilter

from quickthumb.imaging.geometry import Size
from quickthumb.imaging.modes import averageable, premultiplied, unmultiplied

LANCZOS = Image.Resampling.LANCZOS

BOX_RESERVE = 3
"""Averaging boxes of pixels before Lanczos is invisible if three times the target size is left."""

_TENT_RATIO = 2
"""From this ratio on, bilinear and sharpening is faster than bicubic, and closer to Lanczos."""

_TENT_DROOP = 0.108
"""Strength of `_sharpened` that compensates the blur of bilinear."""

BAND_PIXELS = 4_000_000
"""Input pixels reduced at a time, which limits the memory for intermediate copies."""

_SUPPORT = 3
"""Radius of Lanczos, in output pixels; no other filter has a larger one."""

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
    """Restore fine detail blurred by a decoder that averages boxes of pixels, which gains 2 dB.

    The frequency response of a box is sinc(f); sharpening inverts it to the second order.

    Args:
        image: the final picture.
        reserve: how many times as large the output of the decoder was.
    """
    return _sharpened(image, 0.05 / reserve**2)


def well_enough(image: Image.Image, size: Size) -> Image.Image:
    """Reduce a picture in full resolution fast, at 44 dB.

    Bilinear reads half as many pixels as bicubic, and sharpening restores fine detail. Its cost
    grows with the size of the result, so it is only used for strong reductions.
    """
    if min(image.width / size[0], image.height / size[1]) < _TENT_RATIO:
        return _resampled(image, size, Image.Resampling.BICUBIC)
    return _sharpened(_resampled(image, size, Image.Resampling.BILINEAR), _TENT_DROOP)


def _sharpened(image: Image.Image, side: float) -> Image.Image:
    """Subtract a share of its neighbours, fitted to photographs, from every pixel."""
    centre = 1 + 2 * side
    kernel = [a * b for a in (-side, centre, -side) for b in (-side, centre, -side)]
    return image.filter(ImageFilter.Kernel((3, 3), kernel, scale=1))


def _resampled(
    image: Image.Image, size: Size, resampling: Image.Resampling = LANCZOS
) -> Image.Image:
    """Reduce a picture; a large one in bands of rows.

    Otherwise, Pillow needs memory for a second copy of all pixels to convert them or to premultiply
    alpha, and for all rows at the new width.
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
        # Rows outside the box still contribute to those at its edge.
        box = (0, top * ratio - first, width, min(bottom * ratio, height) - first)
        part = resampled(image.crop((0, first, width, last)), bottom - top, box)
        joined = joined or Image.new(part.mode, size)
        joined.paste(part, (0, top))
    assert joined is not None  # noqa: S101  # there is at least one row
    return joined


def _in_bands(
    image: Image.Image, factor: int, reduce: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Convert a picture to an `AVERAGED` layout and reduce it, in bands of rows.

    Args:
        image: in any layout.
        factor: the number of rows that become one; all bands but the last have a multiple of it.
        reduce: reduces a band.
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
