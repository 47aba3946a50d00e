"""Decodes truncated files as far as possible, as browsers do.

Pillow's switch for this applies to the whole process (`ImageFile.LOAD_TRUNCATED_IMAGES`).
"""

from collections.abc import Callable, Container

from PIL import Image, ImageFile

from quickthumb.problems import Corrupt

USABLE_SHARE = 0.75
"""Minimum share of rows that must be decoded."""

_FILLED_BY_PILLOW = frozenset((0,))


def load_what_is_there(
    image: ImageFile.ImageFile, *, row_by_row: bool, is_whole: Callable[[], bool]
) -> None:
    """Decode a picture; if the file is truncated or damaged, keep the rows that could be decoded.

    Args:
        image: not yet decoded.
        row_by_row: whether its format stores rows in order; a part of an interlaced picture has
            holes.
        is_whole: returns whether the end of the file is there.

    Raises:
        OSError, SyntaxError: nothing was decoded.
        Corrupt: too little was decoded.
    """
    try:
        image.load()
    except (OSError, SyntaxError):
        if not row_by_row or image.info.get("interlace"):
            raise
        image.tile = []  # nothing more to decode
        image.load()
        check_usable(image, _FILLED_BY_PILLOW, fault="damaged" if is_whole() else "truncated")


def check_usable(image: Image.Image, filler: Container[int], fault: str = "truncated") -> None:
    """Check that enough of a truncated or damaged picture was decoded.

    Args:
        image: the decoded picture.
        filler: the levels that the decoder leaves in missing pixels. Bottom rows of any other
            uniform colour count as decoded.
        fault: what the file is.

    Raises:
        Corrupt: too few rows were decoded.
    """
    rows = _rows_before_the_filler(image, filler)
    if rows < USABLE_SHARE * image.height:
        raise Corrupt(
            f"The file is {fault}: only {rows} of {image.height} rows of the picture are there."
        )


def _rows_before_the_filler(image: Image.Image, filler: Container[int]) -> int:
    """Return the number of rows above those at the bottom that consist of filler."""
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
