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
        left, top = patch.place
        right = min(size[0], left + patch.image.width)
        bottom = min(size[1], top + patch.image.height)
        if right <= left or bottom <= top:
            yield canvas, patch.duration
            continue
        box = (left, top, right, bottom)
        visible = patch.image.crop((0, 0, right - left, bottom - top))
        before = canvas.crop(box) if patch.over or patch.disposal is Disposal.RESTORE else None
        canvas.paste(
            Image.alpha_composite(before, visible) if patch.over and before else visible, box
        )
        yield canvas, patch.duration
        if patch.disposal is Disposal.CLEAR:
            canvas.paste((0, 0, 0, 0), box)
        elif patch.disposal is Disposal.RESTORE and before:
            canvas.paste(before, box)


def overlaps(place: Place, size: Size, canvas: Size) -> bool:
    """Tell whether a patch lies at least partly on a canvas."""
    return min(size) > 0 and place[0] < canvas[0] and place[1] < canvas[1]
