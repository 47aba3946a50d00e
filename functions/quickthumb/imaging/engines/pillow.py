"""The reference engine: Pillow alone."""

from PIL import Image, ImageFilter
from PIL.JpegImagePlugin import JpegImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.jpeg import idct_scale
from quickthumb.imaging.modes import with_averageable_pixels
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
            if encoded.header.format == "JPEG":
                return _decode_jpeg(encoded.data, size)
            image = encoded.open()
            load_what_is_there(image)
            return self.shrink(image, size)

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """See `Engine.shrink`."""
        factor = max(1, min(image.width // size[0], image.height // size[1]) // BOX_RESERVE)
        boxed = _averaged(image, factor)
        box = (0, 0, image.width / factor, image.height / factor)
        return boxed.resize(size, LANCZOS, box=box)


def _decode_jpeg(data: bytes, size: Size) -> Image.Image:
    """Let libjpeg reduce while it decodes: a half, a quarter or an eighth cost less than the whole."""
    file = PatchedEnd(data)
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
    """Undo what averaging boxes of 8 x 8 pixels took from the finest detail: 2 dB nearer to the truth.

    A box passes sinc(f) of a frequency f; a narrow sharpening filter is its inverse to the second
    order. The strength is fitted to photographs.
    """
    side = 0.05 / reserve**2
    centre = 1 + 2 * side
    kernel = [a * b for a in (-side, centre, -side) for b in (-side, centre, -side)]
    return image.filter(ImageFilter.Kernel((3, 3), kernel, scale=1))


def _averaged(image: Image.Image, factor: int) -> Image.Image:
    """Average boxes of `factor` x `factor` pixels, a band of rows at a time.

    Layouts that must be converted first need twice the memory, so only a band of them exists.
    """
    rows = max(1, _BAND_PIXELS // (image.width * factor)) * factor
    if factor == 1 or rows >= image.height:
        whole = with_averageable_pixels(image)
        return whole.reduce(factor) if factor > 1 else whole
    bands = []
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(image.height, top + rows)))
        bands.append(with_averageable_pixels(band).reduce(factor))
    joined = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    top = 0
    for band in bands:
        joined.paste(band, (0, top))
        top += band.height
    return joined
