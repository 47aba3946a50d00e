"""What can be kept of a picture whose file ends too early, as browsers show it.

Pillow has a switch for this, but one for the whole process (`ImageFile.LOAD_TRUNCATED_IMAGES`).
"""

from collections.abc import Container

from PIL import Image, ImageFile

from quickthumb.imaging.guarded import GuardedFile
from quickthumb.problems import Corrupt

USABLE_SHARE = 0.75
"""The least share of the rows that makes a picture usable."""

FILLED_BY_JPEG = frozenset((127, 128))
"""Levels of what libjpeg leaves where data is missing: all coefficients are 0, which is the middle.

Pillow inverts it in CMYK.
"""

_FILLED_BY_PNG = frozenset((0,))

_END_OF_IMAGE = b"\xff\xd9"
_ENDS_READ_BY_DECODER = 8


class PatchedEnd(GuardedFile):
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


def load_what_is_there(image: ImageFile.ImageFile) -> None:
    """Decode a picture, and keep the rows that could be decoded where the file breaks off.

    Only of pictures stored row by row: a part of an interlaced one is a picture with holes.

    Raises:
        OSError, SyntaxError: nothing was decoded.
        Corrupt: too little was decoded.
    """
    try:
        image.load()
    except (OSError, SyntaxError):
        if image.format != "PNG" or image.info.get("interlace"):
            raise
        image.tile = []  # what was decoded so far is the picture
        image.load()
        check_usable(image, _FILLED_BY_PNG)


def check_usable(image: Image.Image, filler: Container[int]) -> None:
    """Check that enough of a broken picture was decoded.

    Args:
        image: what was decoded of it.
        filler: the levels that its decoder leaves in every channel of what is missing. Rows of
            another colour were decoded, were it the same in all of them.

    Raises:
        Corrupt: too little.
    """
    rows = _rows_before_the_filler(image, filler)
    if rows < USABLE_SHARE * image.height:
        raise Corrupt(
            f"The file ends too early: only {rows} of {image.height} rows of the picture are there."
        )


def _rows_before_the_filler(image: Image.Image, filler: Container[int]) -> int:
    """Return the number of rows above those at the bottom that are all of the filler's colour."""
    column = image.resize((1, image.height), Image.Resampling.BOX) if image.width > 1 else image
    last = column.getpixel((0, image.height - 1))
    levels = last if isinstance(last, tuple) else (last,)
    bottom = image.crop((0, image.height - 1, image.width, image.height))
    if len(bottom.getcolors(2) or ()) != 1 or not all(level in filler for level in levels):
        return image.height
    row = image.height
    while row and column.getpixel((0, row - 1)) == last:
        row -= 1
    return row
