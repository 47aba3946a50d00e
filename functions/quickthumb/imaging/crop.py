"""Chooses the part of a picture that `cover` keeps."""

import struct
from itertools import accumulate

from PIL import Image

from quickthumb.documents.rendition import Focus, Gravity
from quickthumb.imaging.alpha import WHITE, flatten
from quickthumb.imaging.faces import Face, faces
from quickthumb.imaging.geometry import Size, plan
from quickthumb.imaging.saliency import of_faces, saliency

Window = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""

_BILINEAR = Image.Resampling.BILINEAR

_SEEN = 256
"""Longest side of the picture in which faces are searched, pixels."""

_PULL = 0.35
"""Share of all weight that a crop must gain to be moved sideways from the middle to the edge.

Most subjects are in the middle, between left and right.
"""


def window(image: Image.Image, size: Size, gravity: Gravity, focus: Focus | None = None) -> Window:
    """Choose the window of `size` pixels to keep of a picture, which is at least as large.

    Args:
        image: the picture.
        size: of the window.
        gravity: how to choose; `face` is `smart` where no face is found.
        focus: the point to put in the middle, as shares of width and height, whatever the gravity.
    """
    slack = image.width - size[0], image.height - size[1]
    if focus is not None:
        left, top = (
            _around(point, total, kept)
            for point, total, kept in zip(focus, image.size, size, strict=True)
        )
    elif gravity == "center" or slack == (0, 0):
        left, top = slack[0] // 2, slack[1] // 2
    else:
        left, top = _salient(image, size, only_faces=gravity == "face")
    return left, top, left + size[0], top + size[1]


def _around(point: float, total: int, kept: int) -> int:
    """Return where a window of `kept` pixels starts that has a point in its middle, if possible."""
    return min(total - kept, max(0, round(point * total - kept / 2)))


def _salient(image: Image.Image, size: Size, *, only_faces: bool) -> tuple[int, int]:
    """Return where the window with the most weight starts, left and top, pixels."""
    seen = image.resize(plan(image.size, (_SEEN, _SEEN), "contain").final, _BILINEAR)
    found = faces(flatten(seen, WHITE).convert("RGB"))
    if only_faces and found:
        weights = of_faces(found, seen.size)
        aims = _middle(found, seen.size)
        pulls = (_PULL, _PULL)
    else:
        weights = saliency(seen, found)
        aims = (0.5, 0.5)
        pulls = (_PULL, 0.0)
    left, top = (
        _best_start(sums, total, kept, aim, pull)
        for sums, total, kept, aim, pull in zip(
            _sums(weights), image.size, size, aims, pulls, strict=True
        )
    )
    return left, top


def _middle(found: list[Face], size: Size) -> tuple[float, float]:
    """Return the mean position of faces, as shares of width and height."""
    weight = sum(face.likelihood for face in found)
    x = sum(face.x * face.likelihood for face in found) / weight
    y = sum(face.y * face.likelihood for face in found) / weight
    return x / size[0], y / size[1]


def _sums(weights: Image.Image) -> tuple[list[float], list[float]]:
    """Return the mean weight of each column and of each row."""
    columns, rows = (
        weights.resize(line, Image.Resampling.BOX).tobytes()
        for line in ((weights.width, 1), (1, weights.height))
    )
    across, down = (list(struct.unpack(f"={len(means) // 4}f", means)) for means in (columns, rows))
    return across, down


def _best_start(weights: list[float], total: int, kept: int, aim: float, pull: float) -> int:
    """Return the offset, pixels, at which the window holds the most weight.

    Args:
        weights: along the axis, at any resolution.
        total: length of the axis, pixels.
        kept: length of the window, pixels.
        aim: where the middle of the window belongs, as a share of the axis. Ties go to the offset
            nearest to it.
        pull: share of all weight that must be gained per length of the way from there.
    """
    window = max(1, round(len(weights) * kept / total))
    last = len(weights) - window
    wanted = _around(aim, total, kept)
    if total == kept or last == 0:
        return wanted
    before = list(accumulate(weights, initial=0.0))
    whole = before[-1] or 1.0

    def worth(start: int) -> tuple[float, float]:
        way = abs(start / last - wanted / (total - kept))
        inside = (before[start + window] - before[start]) / whole
        return round(inside - pull * way, 6), -way

    best = max(range(last + 1), key=worth)
    return round(best / last * (total - kept))
