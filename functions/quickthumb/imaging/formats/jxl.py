"""JPEG XL: ISO/IEC 18181-1 (codestream) and 18181-2 (container).

What decodes and encodes it, the package pillow-jxl-plugin, is optional: where it is missing, the
format is not accepted. docs/dependencies.md says why.
"""

from importlib.util import find_spec
from math import prod

from quickthumb.imaging.formats.bmff import Counter, boxes
from quickthumb.imaging.formats.descriptor import (
    Encoded,
    Header,
    Output,
    Size,
    Writer,
    beginning,
)
from quickthumb.problems import Corrupt

PLUGIN = "pillow_jxl"

_MOST_BOXES = 6_000
"""Per container. An encoder that streams writes one for each part."""

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_WHOLE, _PART = b"jxlc", b"jxlp"
_NUMBER_OF_PART = 4

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, from number 1 on (D.2)."""

_MOST_EXTRA = 4
"""Channels beside the colours, such as alpha and depth, each of which is held as a whole."""

_HELD_PER_PIXEL = 12
_HELD_PER_EXTRA = 4
_HELD_PER_DEEP_PIXEL = 24
"""Bytes, where samples have more than 8 bits."""

_IN_METADATA = 64
"""Bytes of a codestream that are more than enough for what is read of it."""

_SAMPLE = bytes.fromhex(
    "ff0a43c04e011c010b541200800a9551c60d5ecef57cf9a1c362dac67586b6dab6b084b1d99e0b05838400382046"
    "32c61879d349ba0200c20ed01814ca05d0218ec718641c301d8f050000b2402509"
)
"""16 x 16 pixels, half transparent."""

_Choices = tuple[tuple[int, int], ...]
"""Four distributions, each of an offset and a number of bits to add (B.2.1)."""

_SIDE: _Choices = ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW_EIGHTHS: _Choices = ((16, 0), (32, 0), (1, 5), (33, 9))
_PREVIEW_SIDE: _Choices = ((1, 6), (65, 8), (321, 10), (1345, 12))
_NUMERATOR: _Choices = ((100, 0), (1000, 0), (1, 10), (1, 30))
_DENOMINATOR: _Choices = ((1, 0), (1001, 0), (1, 8), (1, 10))
_LOOPS: _Choices = ((0, 0), (0, 3), (0, 16), (0, 32))
_BITS: _Choices = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS: _Choices = ((32, 0), (16, 0), (24, 0), (1, 6))
_EXTRA: _Choices = ((0, 0), (1, 0), (2, 4), (1, 12))


def is_installed() -> bool:
    """Return whether the package that decodes and encodes it is there."""
    return find_spec(PLUGIN) is not None


def read(data: bytes) -> Header:
    """Read the header of a JPEG XL; see `Format.read`."""
    return _metadata(data)[0]


def codestream(data: bytes) -> bytes:
    """Return the pixels without the container, which may hold metadata, and a JPEG's."""
    if data.startswith(_CODESTREAM):
        return data
    view = memoryview(data)
    parts = []
    for kind, start, end in boxes(data, 0, len(data), Counter("boxes", _MOST_BOXES)):
        if kind == _WHOLE:
            return data[start:end]
        if kind == _PART:
            parts.append(view[start + _NUMBER_OF_PART : end])
    if not parts:
        raise Corrupt("The JPEG XL picture has no pixels.")
    return b"".join(parts)


class _Bits:
    """Reads bits, the lowest of each byte first; raises `Corrupt` beyond the end (B.2)."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def number(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            raise Corrupt("The header of the JPEG XL picture is truncated.")
        value = self._bits & ((1 << bits) - 1)
        self._bits >>= bits
        return value

    def flag(self) -> bool:
        return self.number(1) == 1

    def chosen(self, choices: _Choices) -> int:
        offset, bits = choices[self.number(2)]
        return offset + self.number(bits)


def _metadata(data: bytes) -> tuple[Header, int, int]:
    """Return the header, the bits of a sample, and the number of extra channels (D.2, D.3)."""
    start = codestream(data)[:_IN_METADATA]
    if not start.startswith(_CODESTREAM):
        raise Corrupt("The JPEG XL picture has no codestream.")
    bits = _Bits(start[2:])
    width, height = _size(bits)
    if bits.flag():  # all default
        return Header(width, height), 8, 0
    orientation = _extra_fields(bits) if bits.flag() else 1
    depth, extra = _depth(bits), 0
    bits.number(1)  # whether 16 bits are enough
    extra = bits.chosen(_EXTRA)
    if extra > _MOST_EXTRA:
        raise Corrupt(
            f"The JPEG XL picture has {extra:,} extra channels: the limit is {_MOST_EXTRA}."
        )
    if orientation >= 5:
        width, height = height, width
    return Header(width, height, orientation), depth, extra


def _size(bits: _Bits) -> Size:
    eighths = bits.flag()

    def side() -> int:
        return 8 * (bits.number(5) + 1) if eighths else bits.chosen(_SIDE)

    height = side()
    ratio = bits.number(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _extra_fields(bits: _Bits) -> int:
    """Skip what is only stored if it differs from the default; return the orientation."""
    orientation = bits.number(3) + 1
    if bits.flag():
        _size(bits)  # at which to show it
    if bits.flag():
        _skip_preview(bits)
    if bits.flag():
        for choices in (_NUMERATOR, _DENOMINATOR, _LOOPS):
            bits.chosen(choices)
        bits.number(1)  # whether frames have time codes
    return orientation


def _skip_preview(bits: _Bits) -> None:
    choices = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW_SIDE
    bits.chosen(choices)
    if not bits.number(3):
        bits.chosen(choices)


def _depth(bits: _Bits) -> int:
    """Return the number of bits of a sample."""
    if not bits.flag():
        return bits.chosen(_BITS)
    depth = bits.chosen(_FLOAT_BITS)
    bits.number(4)  # of the exponent
    return depth


def _held(encoded: Encoded, size: Size) -> float:
    _, depth, extra = _metadata(encoded.data)
    each = (_HELD_PER_PIXEL if depth <= 8 else _HELD_PER_DEEP_PIXEL) + extra * _HELD_PER_EXTRA
    return each * prod(encoded.header.size) + 4 * prod(size)


JXL = Output(
    name="jxl",
    title="JPEG XL",
    content_type="image/jxl",
    extensions=("jxl",),
    begins=beginning(_CODESTREAM, _CONTAINER),
    read=read,
    opener="quickthumb.imaging.decoders.jxl:JxlFile",
    decode="quickthumb.imaging.decoders.jxl:decode",
    lean=codestream,
    decoder_turns=True,
    held=_held,
    in_browsers=False,
    sample=_SAMPLE,
    writer=Writer(
        quality=80,
        # Without further threads the bytes do not depend on the machine; without the last, a TIFF
        # that is not reduced would pass on its orientation.
        # The package does not write 100: the library takes no distance of 0 unless it is lossless.
        options=lambda quality: {
            **{"quality": min(quality, 99), "effort": 3},
            **{"num_threads": 0, "exif": b""},
        },
        held_per_pixel=16,
        held_per_transparent_pixel=20,
        animation=False,  # the package cannot write it
        plugin=PLUGIN,
    ),
)
