"""Reads the frames of GIFs one by one.

Pillow composes them in its own way: it fills what they do not cover with a colour, and grows the
picture to hold those that reach beyond it.
"""

from collections.abc import Callable, Iterator

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from quickthumb.imaging.canvas import Disposal, Patch, composed, overlaps
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.gif import Frame, frames
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.modes import averageable
from quickthumb.imaging.resample import shrunk

_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""Old encoders write 4 for 3; every other value keeps the frame."""


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode the first frame and reduce it."""
    frame, data = next(frames(encoded.data))
    whole = encoded.header.size
    if (frame.left, frame.top, frame.width, frame.height) == (0, 0, *whole):
        return shrunk(_opened(data, encoded.deadline.check), size)
    first, _ = next(composed(whole, patches(encoded)))
    return shrunk(first, size)


def patches(encoded: Encoded) -> Iterator[Patch]:
    """Yield the frames; raises what Pillow raises for one that is invalid."""
    for frame, data in frames(encoded.data):
        yield Patch(
            _pixels(frame, data, encoded),
            (frame.left, frame.top),
            frame.control.duration,
            _DISPOSALS.get(frame.control.disposal, Disposal.KEEP),
        )


def _pixels(frame: Frame, data: bytes, encoded: Encoded) -> Image.Image:
    size = (frame.width, frame.height)
    if not overlaps((frame.left, frame.top), size, encoded.header.size):
        return Image.new("RGBA", (0, 0))  # nothing of it is seen
    image = _opened(data, encoded.deadline.check)
    return averageable(image)(image).convert("RGBA")


def _opened(data: bytes, ask: Callable[[], None]) -> Image.Image:
    image = GifImageFile(GuardedFile(data, ask))
    image.load()
    return image
