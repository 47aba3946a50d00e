"""PNGs whose transparent colour is that of the pixels."""

from PIL.PngImagePlugin import PngImageFile

_BIT_DEPTH = 24
"""Where it is in the file: in the first chunk, behind width and height."""


class PlainPng(PngImageFile):
    """A PNG whose transparent colour has eight bits, as the pixels will.

    Pillow reads samples of 2, 4 and 16 bits as ones of 8, and leaves that colour as it is. Of 16
    bits the lower ones are lost, so colours next to it become transparent too. The one of a grey
    picture of 16 bits stays, as its pixels do.
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
    """Return a level as Pillow makes it of as many bits; those above do not count (11.3.1.1)."""
    if bits == 16:
        return level >> 8
    most = (1 << bits) - 1
    return (level & most) * 255 // most
