"""Reads JPEGs: reduces while decoding, skips the EXIF, and tolerates a missing end."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.jpeg import idct_scale
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.resample import LANCZOS, well_enough, without_droop
from quickthumb.imaging.salvage import check_usable

_FILLED = frozenset((127, 128))
"""Levels that libjpeg leaves where data is missing: all coefficients are 0, which is mid-grey.

Pillow inverts it in CMYK.
"""

_END_OF_IMAGE = b"\xff\xd9"
_ENDS_READ_BY_DECODER = 8


class LeanJpeg(JpegImageFile):
    """A JPEG without its EXIF, which Pillow would parse to find the resolution."""

    def getexif(self) -> Image.Exif:
        """Return an empty EXIF; the orientation is read by `formats.jpeg`."""
        return Image.Exif()


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode and reduce, by 2, 4 or 8 within libjpeg, which saves most of the time."""
    file = _PatchedEnd(encoded.data, encoded.deadline.check)
    image = LeanJpeg(file)
    file.patching = True
    scale = idct_scale(image.size, size)
    box = (0, 0, image.width / scale, image.height / scale)
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()
    if file.patched:
        check_usable(image, _FILLED)
    if scale == 1:
        return well_enough(image, size)
    small = image.resize(size, LANCZOS, box=box)
    return without_droop(small, image.width / size[0]) if scale == 8 else small


class _PatchedEnd(GuardedFile):
    """A JPEG file that supplies a missing end marker, so that the decoder returns what it has.

    Attributes:
        patching: whether reading past the end returns end markers; set after reading the header.
        patched: how many were returned.
    """

    patching = False
    patched = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read from the file, then return end markers, but not without end."""
        chunk = super().read(size)
        if chunk or not self.patching or self.patched >= _ENDS_READ_BY_DECODER:
            return chunk
        self.patched += 1
        return _END_OF_IMAGE
