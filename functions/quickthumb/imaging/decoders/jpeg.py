"""JPEGs: reduced while they are decoded, their EXIF not unpacked, a missing end made up for."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.jpeg import idct_scale
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.resample import LANCZOS, well_enough, without_droop
from quickthumb.imaging.salvage import check_usable

_FILLED = frozenset((127, 128))
"""Levels of what libjpeg leaves where data is missing: all coefficients are 0, which is the middle.

Pillow inverts it in CMYK.
"""

_END_OF_IMAGE = b"\xff\xd9"
_ENDS_READ_BY_DECODER = 8


class LeanJpeg(JpegImageFile):
    """A JPEG without a resolution: Pillow looks for it in the EXIF, and unpacks what is there."""

    def getexif(self) -> Image.Exif:
        """Return nothing; the orientation is read by `formats.jpeg`."""
        return Image.Exif()


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Let libjpeg reduce to a half, a quarter or an eighth while it decodes: that saves most."""
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
    """A JPEG file that is given the end marker it lacks, so that the decoder returns what it has.

    Attributes:
        patching: whether reading past the end gives end markers; to be set once the header is read.
        patched: whether the end was missing.
    """

    patching = False
    patched = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file, then the marker; a decoder that keeps asking gets the truth."""
        chunk = super().read(size)
        if chunk or not self.patching or self.patched >= _ENDS_READ_BY_DECODER:
            return chunk
        self.patched += 1
        return _END_OF_IMAGE
