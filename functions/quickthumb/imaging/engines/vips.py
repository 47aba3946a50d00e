"""The fast engine: libvips, whose resampling and PNG reader use SIMD and stream rows."""

from contextlib import suppress
from functools import cache
from math import prod
from typing import Any

from PIL import Image

from quickthumb.imaging.engines.pillow import PillowEngine
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.resample import without_droop

_BOX_RESERVE = 3.0

_SHRUNK_PIXELS = 200_000
"""From this size on, libvips resamples faster; every call takes one or two milliseconds."""

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@cache
def library() -> Any:
    """Load and configure libvips: one thread, no cache of results, no untrusted loaders.

    Nothing else in the process uses it.

    Raises:
        ImportError, OSError: it is not installed.
    """
    import pyvips

    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    return pyvips


def is_there() -> bool:
    """Return whether libvips is available."""
    try:
        library()
    except (ImportError, OSError):
        return False
    return True


class VipsEngine:
    """Decodes formats for which libvips was measured to be faster; broken files go to Pillow."""

    def __init__(self, fallback: PillowEngine) -> None:
        self._fallback = fallback

    def decode(self, encoded: Encoded, size: Size) -> Image.Image:
        """See `Engine.decode`."""
        by_vips = encoded.format.vips
        if by_vips is None:
            return self._fallback.decode(encoded, size)
        copied = len(encoded.data)
        encoded.check_memory(copied + 12 * prod(size) + by_vips.held(encoded, size))
        with suppress(library().Error):
            load = getattr(library().Image, by_vips.loader)
            # Stream the pixels row by row.
            strict = {"access": "sequential", "fail_on": "error"}
            picture = load(encoded.data, **by_vips.options(encoded, size), **strict)
            reduced = _to_pillow(resized(picture, size, alpha=picture.hasalpha()))
            if by_vips.averages(encoded, size):
                return without_droop(reduced, picture.width / size[0])
            return reduced
        # Pillow alone decides how broken pictures are handled. It starts outside of the `with`,
        # when the error is gone, and with it the memory of libvips.
        return self._fallback.decode(encoded, size)

    def shrink(self, image: Image.Image, size: Size) -> Image.Image:
        """See `Engine.shrink`."""
        if prod(image.size) < _SHRUNK_PIXELS:
            return self._fallback.shrink(image, size)
        bands = len(image.getbands())
        memory = image.tobytes()
        picture = library().Image.new_from_memory(memory, *image.size, bands, "uchar")
        return _to_pillow(resized(picture, size, alpha=bands in (2, 4)))


def resized(picture: Any, size: Size, *, alpha: bool) -> Any:
    """Reduce with premultiplied alpha, so that invisible colours do not bleed."""
    if (picture.width, picture.height) == size:
        return picture
    form = picture.format
    if alpha:
        picture = picture.premultiply()
    picture = picture.resize(
        size[0] / picture.width,
        vscale=size[1] / picture.height,
        kernel="lanczos3",
        gap=_BOX_RESERVE,
    )
    return picture.unpremultiply().cast(form) if alpha else picture


def _to_pillow(picture: Any) -> Image.Image:
    if picture.format == "ushort":
        picture = picture.cast("uchar", shift=True)
    mode = _MODES[picture.bands]
    size = (picture.width, picture.height)
    return Image.frombytes(mode, size, picture.write_to_memory())
