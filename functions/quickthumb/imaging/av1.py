"""Frame sizes of an AV1 stream: https://aomediacodec.github.io/av1-spec/#obu-syntax."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from quickthumb.imaging.bits import Bits, EndOfBits
from quickthumb.problems import UnsupportedFormat

_SEQUENCE_HEADER = 1
_WITH_FRAME_HEADER = frozenset((3, 6, 7))
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_CHOSEN_BY_FRAME = 2

_UNSPECIFIED, _SRGB = 0x020202, 0x010D00
"""Colour primaries, transfer and matrix, a byte each."""

_MOST_SAMPLE_BYTES = 6.0
"""12 bits in three full planes."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """The fields of a sequence header needed to find the size of its frames.

    Attributes:
        sample_bytes: per pixel in all planes.
        pixels: of a frame of the sequence's size.
        most_pixels: maximum for a frame that overrides the size.
        still: whether there is a single frame, with a reduced header.
        numbered: whether frames have ids.
        screen_content: whether screen content tools are allowed; or `_CHOSEN_BY_FRAME`.
        integer_motion: whether motion vectors are integers; or `_CHOSEN_BY_FRAME`.
    """

    sample_bytes: float
    pixels: int
    most_pixels: int
    still: bool
    numbered: bool
    screen_content: int
    integer_motion: int


class Frame(NamedTuple):
    """A frame: an upper bound of its pixels, and the bytes of each in all planes."""

    pixels: int
    sample_bytes: float

    @property
    def size(self) -> float:
        """Bytes that it takes when decoded."""
        return self.pixels * self.sample_bytes


def frames(streams: Iterable[memoryview], ask: Callable[[], None]) -> Iterator[Frame]:
    """Yield the frames that a decoder makes of streams that follow each other.

    There are none in other data, such as EXIF. A truncated stream counts as far as it goes, like
    in a decoder.

    Args:
        streams: sequences of open bitstream units.
        ask: called before each unit.

    Raises:
        UnsupportedFormat: the stream has a decoder model.
    """
    sequence: _Sequence | None = None
    for each in streams:
        stream = each
        with suppress(EndOfBits):
            while stream:
                ask()
                kind, unit, stream = _unit(Bits(stream))
                if kind == _SEQUENCE_HEADER:
                    sequence = _sequence(Bits(unit))
                elif kind in _WITH_FRAME_HEADER and sequence:
                    yield Frame(_new_pixels(Bits(unit), sequence), sequence.sample_bytes)


def _unit(bits: Bits) -> tuple[int, memoryview, memoryview]:
    """Return the type and content of the first unit of a stream, and the rest."""
    bits.take(1)
    kind = bits.take(4)
    extended, sized = bits.flag(), bits.flag()
    bits.take(1)
    if extended:
        bits.take(8)
    if not sized:
        return kind, bits.rest, bits.rest[:0]
    size = 0
    for shift in range(0, 56, 7):
        more, part = bits.flag(), bits.take(7)
        size |= part << shift
        if not more:
            break
    if size > len(bits.rest):
        raise EndOfBits("truncated unit")
    return kind, bits.rest[:size], bits.rest[size:]


def _sequence(bits: Bits) -> _Sequence:
    profile = bits.take(3)
    bits.take(1)  # still_picture
    still = bits.flag()
    if still:
        bits.take(5)  # level
    else:
        _skip_timing(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    pixels = (bits.take(across) + 1) * (bits.take(down) + 1)
    most_pixels = 1 << (across + down)
    if still:
        held = _sample_bytes(bits, profile, skipped=3 + 3)
        return _Sequence(
            held, pixels, most_pixels, still, False, _CHOSEN_BY_FRAME, _CHOSEN_BY_FRAME
        )
    numbered = bits.flag()
    bits.take(7 if numbered else 0)
    bits.take(3 + 4)  # coding tools
    ordered = bits.flag()
    bits.take(2 if ordered else 0)
    screen_content = _CHOSEN_BY_FRAME if bits.flag() else bits.take(1)
    integer_motion = _CHOSEN_BY_FRAME
    if screen_content:
        integer_motion = _CHOSEN_BY_FRAME if bits.flag() else bits.take(1)
    held = _sample_bytes(bits, profile, skipped=3 + 3 if ordered else 3)
    return _Sequence(held, pixels, most_pixels, still, numbered, screen_content, integer_motion)


def _sample_bytes(bits: Bits, profile: int, *, skipped: int) -> float:
    """Return the bytes of a pixel in all planes (5.5.2); the most if the data ends before.

    Args:
        bits: the rest of a sequence header.
        profile: of the stream.
        skipped: the number of bits that precede, of coding tools.
    """
    try:
        bits.take(skipped)
        deep = bits.flag()
        twelve = profile == 2 and deep and bits.flag()
        grey = profile != 1 and bits.flag()
        described = bits.take(24) if bits.flag() else _UNSPECIFIED
        if grey:
            planes = 1.0
        elif described == _SRGB:
            planes = 3.0
        else:
            bits.take(1)  # range
            planes = _planes(bits, profile, twelve=twelve)
    except EndOfBits:
        return _MOST_SAMPLE_BYTES
    return planes * (2 if deep else 1)


def _planes(bits: Bits, profile: int, *, twelve: bool) -> float:
    """Return the number of planes, those with fewer pixels as fractions."""
    if profile < 2:
        return (1.5, 3.0)[profile]
    if not twelve:
        return 2.0
    if not bits.flag():
        return 3.0
    return 1.5 if bits.flag() else 2.0


def _skip_timing(bits: Bits) -> None:
    """Skip timing info and operating points."""
    if bits.flag():
        bits.take(64)
        if bits.flag():  # equal_picture_interval, followed by a uvlc() number
            zeros = 0
            while zeros < 32 and not bits.flag():
                zeros += 1
            bits.take(zeros)
        if bits.flag():
            raise UnsupportedFormat("AVIF pictures with a decoder model are not accepted.")
    delayed = bits.flag()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # level
            bits.take(1)
        if delayed and bits.flag():
            bits.take(4)


def _new_pixels(bits: Bits, sequence: _Sequence) -> int:
    """Return the number of pixels of a frame from its header, 0 if it shows an existing one."""
    if sequence.still:
        return sequence.pixels
    if bits.flag():
        return 0
    kind, shown = bits.take(2), bits.flag()
    if not shown:
        bits.take(1)  # showable_frame
    if kind != _SWITCH_FRAME and not (kind == _KEY_FRAME and shown):
        bits.take(1)  # error_resilient_mode
    bits.take(1)  # disable_cdf_update
    screen_content = sequence.screen_content
    if screen_content == _CHOSEN_BY_FRAME:
        screen_content = bits.take(1)
    if screen_content and sequence.integer_motion == _CHOSEN_BY_FRAME:
        bits.take(1)
    # If frames have ids, one comes next. Pictures hardly ever have them: assume the maximum.
    own_size = sequence.numbered or kind == _SWITCH_FRAME or bits.flag()
    return sequence.most_pixels if own_size else sequence.pixels
