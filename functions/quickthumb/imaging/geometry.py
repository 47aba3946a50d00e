"""Computes the size of a thumbnail. Sizes are (width, height) in pixels."""

from dataclasses import dataclass

from quickthumb.documents.rendition import Fit

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes on the way from a picture to a thumbnail.

    Attributes:
        reduced: of the whole picture, reduced.
        final: after cropping; the same if nothing is cropped.
    """

    reduced: Size
    final: Size


def plan(picture: Size, box: Size, fit: Fit) -> Plan:
    """Fit an upright picture to a box, without enlarging it; no side falls below one pixel.

    `contain` fits the whole picture inside the box. `cover` fills the box; if the picture is too
    small, the box shrinks and keeps its aspect ratio, so that pages keep their layout.
    """
    width, height = picture
    if fit == "contain":
        scale = min(1.0, box[0] / width, box[1] / height)
        size = _scaled(picture, scale, at_most=picture)
        return Plan(size, size)
    shrink = min(1.0, width / box[0], height / box[1])
    final = _scaled(box, shrink, at_most=picture)
    scale = max(final[0] / width, final[1] / height)
    reduced = _scaled(picture, scale, at_most=picture)
    return Plan((max(reduced[0], final[0]), max(reduced[1], final[1])), final)


def enlarged(size: Size, side: int) -> Size:
    """Return a size of the same aspect ratio whose longest side is `side`, if it is smaller."""
    scale = max(1.0, side / max(size))
    width, height = (round(each * scale) for each in size)
    return width, height


def turned(size: Size, orientation: int) -> Size:
    """Return a size with width and height swapped for EXIF orientations 5 to 8."""
    return (size[1], size[0]) if orientation >= 5 else size


def _scaled(size: Size, scale: float, *, at_most: Size) -> Size:
    width, height = (
        min(limit, max(1, round(side * scale))) for side, limit in zip(size, at_most, strict=True)
    )
    return width, height
