"""Reads PNGs with the right transparent colour, and the frames of animations one by one.

Pillow blends the transparency of frames like one more colour.
"""

from collections.abc import Iterator
from contextlib import suppress

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from quickthumb.imaging.canvas import Disposal, Patch, composed
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.formats.apng import frames
from quickthumb.imaging.formats.png import hides_its_still
from quickthumb.imaging.geometry import Size
from quickthumb.imaging.guarded import GuardedFile
from quickthumb.imaging.modes import averageable
from quickthumb.imaging.parsing import hostile_bytes
from quickthumb.imaging.resample import shrunk
from quickthumb.imaging.salvage import load_what_is_there
from quickthumb.problems import Corrupt

_BIT_DEPTH = 24
"""Its offset in the file: in the first chunk, after width and height."""

_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}


def decode(encoded: Encoded, size: Size) -> Image.Image:
    """Decode the picture and reduce it; of an animation that hides it, the first frame."""
    if hides_its_still(encoded.data):
        with suppress(Corrupt), hostile_bytes("The PNG animation"):
            first, _ = next(composed(encoded.header.size, patches(encoded)))
            return shrunk(first, size)
    image = encoded.open()
    load_what_is_there(image, row_by_row=encoded.format.row_by_row, is_whole=encoded.is_whole)
    return shrunk(image, size)


def patches(encoded: Encoded) -> Iterator[Patch]:
    """Yield the frames; raises what Pillow raises for one that is invalid."""
    for frame, data in frames(encoded.data):
        yield Patch(
            _pixels(data, encoded),
            (frame.left, frame.top),
            frame.milliseconds,
            _DISPOSALS.get(frame.disposal, Disposal.KEEP),
            over=frame.over == 1,
        )


def _pixels(data: bytes, encoded: Encoded) -> Image.Image:
    image = PlainPng(GuardedFile(data, encoded.deadline.check))
    image.load()
    return averageable(image)(image).convert("RGBA")


class PlainPng(PngImageFile):
    """A PNG whose transparent colour is converted to 8 bits, like its pixels.

    Pillow converts samples of 2, 4 and 16 bits to 8 bits, but not that colour. The lower bits of 16
    are lost, so neighbouring colours become transparent too. Grey pictures of 16 bits keep their
    samples and that colour.
    """

    def _open(self) -> None:
        super()._open()
        stored = self.info.get("transparency")
        if stored is None or self.mode not in ("L", "RGB"):
            return
        bits = self._bits()
        if self.mode == "L":
            self.info["transparency"] = _in_eight_bits(stored, bits)
        else:
            self.info["transparency"] = tuple(_in_eight_bits(level, bits) for level in stored)

    def _bits(self) -> int:
        assert self.fp is not None  # noqa: S101  # it is open
        here = self.fp.tell()
        self.fp.seek(_BIT_DEPTH)
        [bits] = self.fp.read(1)
        self.fp.seek(here)
        return bits


def _in_eight_bits(level: int, bits: int) -> int:
    """Scale a level like Pillow does, ignoring excess upper bits (11.3.1.1)."""
    if bits == 16:
        return level >> 8
    most = (1 << bits) - 1
    return (level & most) * 255 // most
