"""Chooses the part of a picture that `cover` keeps."""

import struct

from PIL import Image

from quickthumb.documents.rendition import Gravity
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.saliency import saliency

Window = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""


def window(image: Image.Image, size: Size, gravity: Gravity) -> Window:
    """Choose the window of `size` pixels to keep of a picture, which is at least as large."""
    left, top = (image.width - size[0], image.height - size[1])
    if gravity == "center" or image.size == size:
        left, top = left // 2, top // 2
    else:
        weights = saliency(image)
        left = _best_start(_sums(weights, horizontal=True), left, size[0] / image.width)
        top = _best_start(_sums(weights, horizontal=False), top, size[1] / image.height)
    return left, top, left + size[0], top + size[1]


def _sums(weights: Image.Image, *, horizontal: bool) -> list[float]:
    """Return the mean weight of each column or row."""
    line = (weights.width, 1) if horizontal else (1, weights.height)
    means = weights.resize(line, Image.Resampling.BOX).tobytes()
    return list(struct.unpack(f"={len(means) // 4}f", means))


def _best_start(weights: list[float], slack: int, share: float) -> int:
    """Return the offset, 0 to `slack` pixels, at which the window holds the most weight.

    Ties go to the offset nearest to the middle.

    Args:
        weights: along the axis, at any resolution.
        slack: pixels that are cut off on this axis.
        share: fraction of the axis that is kept, above 0 and up to 1.
    """
    window = max(1, round(len(weights) * share))
    last = len(weights) - window
    if slack == 0 or last == 0:
        return slack // 2
    inside = [sum(weights[start : start + window]) for start in range(last + 1)]
    best = max(range(last + 1), key=lambda start: (inside[start], -abs(start - last / 2)))
    return round(best / last * slack)
