"""Which engine reads a picture: the one that was measured to be faster."""

from importlib.util import find_spec

from PIL import ImageFile

from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Engine
from quickthumb.imaging.formats.jpeg import idct_scale, is_whole
from quickthumb.imaging.geometry import Size

_DRAFT_PIXELS = 500_000
"""Pixels that libjpeg leaves, from which on libvips resamples faster than Pillow."""


def engine_for(header: ImageFile.ImageFile, size: Size) -> Engine:
    """Choose the engine for reducing a picture to `size` pixels (and from there to smaller ones).

    docs/decisions/0003-imaging-engines.md has the measurements.
    """
    pillow = PillowEngine()
    if not (_libvips_wins(header, size) and find_spec("pyvips")):
        return pillow
    from quickthumb.imaging.engines import vips

    return vips.VipsEngine(pillow) if vips.is_there() else pillow


def _libvips_wins(header: ImageFile.ImageFile, size: Size) -> bool:
    match header.format:
        case "JPEG":
            scale = idct_scale(header.size, size)
            left = header.width * header.height // scale**2
            # libvips cuts off pixels that are only partly in the picture, and stretches the rest.
            whole = is_whole(header.size, scale)
            return header.mode in ("L", "RGB") and left >= _DRAFT_PIXELS and whole
        case "PNG":
            # An interlaced picture must be held as a whole, and Pillow holds it in fewer bytes.
            return not header.info.get("interlace")
        case "WEBP":
            return True
        case _:
            return False
