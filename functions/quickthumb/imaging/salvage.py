"""What can be kept of a picture whose file ends too early, as browsers show it.

Pillow has a switch for this, but one for the whole process (`ImageFile.LOAD_TRUNCATED_IMAGES`).
"""

from collections.abc import Container

from PIL import Image, ImageFile

from quickthumb.problems import Corrupt

USABLE_SHARE = 0.75
"""The least share of the rows that makes a picture usable."""

_FILLED_BY_PILLOW = frozenset((0,))


def load_what_is_there(image: ImageFile.ImageFile, *, row_by_row: bool) -> None:
    """Decode a picture, and keep the rows that could be decoded where the file breaks off.

    Args:
        image: not yet decoded.
        row_by_row: whether its format is; of an interlaced picture, a part is one with holes.

    Raises:
        OSError, SyntaxError: nothing was decoded.
        Corrupt: too little was decoded.
    """
    try:
        image.load()
    except (OSError, SyntaxError):
        if not row_by_row or image.info.get("interlace"):
            raise
        image.tile = []  # what was decoded so far is the picture
        image.load()
        check_usable(image, _FILLED_BY_PILLOW)


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
