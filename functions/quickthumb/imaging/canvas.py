"""Composes the frames of an animation as browsers do.

Each frame is a patch on a canvas that is transparent at first. See section 23 of the specification
of GIF (https://www.w3.org/Graphics/GIF/spec-gif89a.txt), and of PNG
(https://www.w3.org/TR/png-3/#fcTL-chunk).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from PIL import Image

from quickthumb.imaging.geometry import Size

Place = tuple[int, int]
"""Offset from the left and the top edge, pixels."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""


class Disposal(Enum):
    """What becomes of the part of the canvas under a patch before the next one is drawn."""

    KEEP = "keep"
    CLEAR = "clear"
    """It becomes transparent."""
    RESTORE = "restore"
    """It becomes what it was before."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A frame as it is stored.

    Attributes:
        image: in mode RGBA; of no size if nothing of it lies on the canvas.
        place: where it lies on the canvas; it may reach beyond.
        duration: how long it is shown, milliseconds.
        disposal: what becomes of it afterwards.
        over: whether it is drawn over what is there; otherwise, it replaces that.
    """

    image: Image.Image
    place: Place
    duration: float
    disposal: Disposal
    over: bool = True


def composed(size: Size, patches: Iterable[Patch]) -> Iterator[tuple[Image.Image, float]]:
    """Yield the canvas with each of the patches, and for how many milliseconds it is shown.

    It is one canvas, which changes with the next patch.
    """
    canvas = Image.new("RGBA", size)
    for patch in patches:
        box = _covered(patch, size)
        if box is None:
            yield canvas, patch.duration
            continue
        before = canvas.crop(box) if patch.over or patch.disposal is Disposal.RESTORE else None
        visible = _visible(patch.image, box)
        if patch.over and before:
            visible = Image.alpha_composite(before, visible)
        canvas.paste(visible, box)
        del visible
        yield canvas, patch.duration
        if patch.disposal is Disposal.CLEAR:
            canvas.paste((0, 0, 0, 0), box)
        elif patch.disposal is Disposal.RESTORE and before:
            canvas.paste(before, box)


def _covered(patch: Patch, size: Size) -> Box | None:
    """Return the part of the canvas that a patch covers, None if there is none."""
    left, top = patch.place
    right = min(size[0], left + patch.image.width)
    bottom = min(size[1], top + patch.image.height)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _visible(image: Image.Image, box: Box) -> Image.Image:
    """Return the part of a patch that lies on the canvas."""
    size = (box[2] - box[0], box[3] - box[1])
    return image if image.size == size else image.crop((0, 0, *size))


def overlaps(place: Place, size: Size, canvas: Size) -> bool:
    """Tell whether a patch lies at least partly on a canvas."""
    return min(size) > 0 and place[0] < canvas[0] and place[1] < canvas[1]
