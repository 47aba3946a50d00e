"""What drawings, which have no pixels of their own, have in common."""

from math import isfinite

from quickthumb.imaging.formats.descriptor import Size

LONGEST = 4096
"""The longest side of a drawing as it is described, pixels: no thumbnail is larger."""


def described(width: float, height: float) -> Size:
    """Return the size of a drawing in whole pixels, reduced to `LONGEST`; 0 if it is none."""
    if not (isfinite(width) and isfinite(height) and width > 0 and height > 0):
        return 0, 0
    scale = min(1.0, LONGEST / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
