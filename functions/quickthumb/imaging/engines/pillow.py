"""The reference engine: Pillow alone."""

from collections.abc import Callable

from PIL import Image, ImageFilter
from PIL.JpegImagePlugin import JpegImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.jpeg import idct_scale
from quickthumb.imaging.memory import check_memory, held_by_pillow
from quickthumb.imaging.modes import averageable, premultiplied, unmultiplied
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.salvage import PatchedEnd, check_usable, load_what_is_there

LANCZOS = Image.Resampling.LANCZOS

BOX_RESERVE = 3
"""Averaging boxes of pixels before Lanczos is invisible while three times the target is left."""

_BAND_PIXELS = 4_000_000


class PillowEngine:
    """Reads every accepted format."""

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        """See `Engine.decode`."""
        with hostile_bytes(f"The {encoded.header.format} picture"):
            check_memory(encoded, held_by_pillow(encoded, size))
            if encoded.header.format == "JPEG":
                return _decode_jpeg(encoded, size)
            image = encoded.open()
            load_what_is_there(image)
            return self.shrink(image, size)

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """See `Engine.shrink`."""
        if image.size == size:
            return _in_bands(image, 1, lambda band: band)
        factor = max(1, min(image.width // size[0], image.height // size[1]) // BOX_RESERVE)
        if factor > 1:
            boxed = _in_bands(image, factor, lambda band: band.reduce(factor))
            box = (0, 0, image.width / factor, image.height / factor)
            return boxed.resize(size, LANCZOS, box=box)
        # Pillow too resamples rows first and columns second; this way only once there is less.
        narrow = _in_bands(
            image, 1, lambda band: premultiplied(band).resize((size[0], band.height), LANCZOS)
        )
        return unmultiplied(narrow.resize(size, LANCZOS))


def _decode_jpeg(encoded: Encoded, size: Size) -> Image.Image:
    """Let libjpeg reduce to a half, a quarter or an eighth while it decodes: that saves most."""
    file = PatchedEnd(encoded.data, encoded.deadline.check)
    image = JpegImageFile(file)
    file.patching = True
    scale = idct_scale(image.size, size)
    box = (0, 0, image.width / scale, image.height / scale)
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()
    if file.patched:
        check_usable(image)
    if scale == 1:
        # Bicubic is a fifth faster and, with whole pixels to start from, good for 45 dB.
        return image.resize(size, Image.Resampling.BICUBIC)
    small = image.resize(size, LANCZOS, box=box)
    return _without_droop(small, image.width / size[0]) if scale == 8 else small


def _without_droop(image: Image.Image, reserve: float) -> Image.Image:
    """Undo what averaging boxes of 8 x 8 pixels took from the finest detail: worth 2 dB.

    A box passes sinc(f) of a frequency f; a narrow sharpening filter is its inverse to the second
    order. The strength is fitted to photographs.
    """
    side = 0.05 / reserve**2
    centre = 1 + 2 * side
    kernel = [a * b for a in (-side, centre, -side) for b in (-side, centre, -side)]
    return image.filter(ImageFilter.Kernel((3, 3), kernel, scale=1))


def _in_bands(
    image: Image.Image, factor: int, reduce: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Reduce a picture a band of rows at a time, each in a layout that can be averaged.

    Pillow needs memory for all pixels once more to convert them, and again to multiply alpha in.

    Args:
        image: in any layout.
        factor: the number of rows that become one; no band but the last has a part of it.
        reduce: what is done to every band.
    """
    convert = averageable(image)
    rows = max(1, _BAND_PIXELS // (image.width * factor)) * factor
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
