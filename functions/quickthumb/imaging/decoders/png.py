"""Reads PNGs with the right transparent colour."""

from PIL.PngImagePlugin import PngImageFile

_BIT_DEPTH = 24
"""Its offset in the file: in the first chunk, after width and height."""


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
