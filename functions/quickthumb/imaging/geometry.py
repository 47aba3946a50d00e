"""How large a thumbnail becomes. Pure arithmetic; sizes are (width, height) in pixels."""

from dataclasses import dataclass

from quickthumb.documents.rendition import Fit

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from a picture to a thumbnail.

    Attributes:
        reduced: the whole picture, reduced.
        final: what is cut out of it; the same where nothing is cut off.
    """

    reduced: Size
    final: Size


def plan(picture: Size, box: Size, fit: Fit) -> Plan:
    """Fit an upright picture to a box, never enlarging it and never to less than one pixel.

    `contain` keeps the whole picture inside the box. `cover` fills the box; where the picture is
    too small for that, the box shrinks and keeps its shape, so that pages keep their layout.
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


def turned(size: Size, orientation: int) -> Size:
    """Return a size as it lies in the file: EXIF orientations 5 to 8 swap width and height."""
    return (size[1], size[0]) if orientation >= 5 else size


def _scaled(size: Size, scale: float, *, at_most: Size) -> Size:
    width, height = (
        min(limit, max(1, round(side * scale))) for side, limit in zip(size, at_most, strict=True)
    )
    return width, height
