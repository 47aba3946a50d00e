"""What Pillow does not tell about a JPEG, read from its markers (ITU-T T.81, Annex B)."""

import struct
from collections.abc import Iterator

from quickthumb.errors import Corrupt
from quickthumb.imaging.guarded import MOST_READS

RESERVE = 1.9
"""Times the target that must be left for resampling: less is visibly aliased (below 46 dB)."""

_SCAN = 0xDA
_PROGRESSIVE = frozenset((0xC2, 0xCA))
"""With Huffman's coding, and with arithmetic coding."""

_MOST_PARAMETERS = 6 + 3 * 255
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # not tables, though of the same row


def bits_per_sample(data: bytes) -> int | None:
    """Return the sample precision of a JPEG in bits, None where no frame header is found.

    Raises:
        Corrupt: the header has absurdly many segments.
    """
    for marker, at in _segments(data):
        if marker in _FRAMES and at + 4 < len(data):
            return data[at + 4]
    return None


def coefficient_bytes(data: bytes) -> int:
    """Return what libjpeg holds of a picture in several scans: all coefficients, two bytes each.

    One in a single scan is decoded row by row.
    """
    coefficients = 0
    for marker, at in _segments(data):
        parameters = data[at + 4 : at + 4 + _MOST_PARAMETERS]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", parameters, 1)
            count, progressive = parameters[5], marker in _PROGRESSIVE
            factors = [parameters[7 + 3 * index] for index in range(count)]
            across = [factor >> 4 or 1 for factor in factors]
            down = [factor & 15 or 1 for factor in factors]
            samples = sum(a * b for a, b in zip(across, down, strict=True))
            coefficients = width * height * samples // (max(across) * max(down))
        elif marker == _SCAN:
            return 2 * coefficients if progressive or parameters[0] < count else 0
    return 0


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker up to the first scan, with the offset of its 0xFF."""
    at = 2
    for _ in range(MOST_READS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker in (0x00, 0xFF):  # no marker: rubbish between segments, filling before one
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            yield marker, at
            if marker == _SCAN:
                return
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise Corrupt(f"The header of the JPEG picture is in more than {MOST_READS:,} pieces.")


def scans(data: bytes) -> int:
    """Return how many scans there are at most.

    The marker cannot occur in compressed data, where a 0 follows every 0xFF; pictures inside the
    metadata are counted as well, of which there are few.
    """
    return data.count(bytes((0xFF, _SCAN)))


def idct_scale(picture: tuple[int, int], target: tuple[int, int]) -> int:
    """Return by how much libjpeg may reduce while it decodes, so that `RESERVE` is left."""
    ratio = min(picture[0] / target[0], picture[1] / target[1]) / RESERVE
    return next(scale for scale in (8, 4, 2, 1) if ratio >= scale or scale == 1)


def is_whole(picture: tuple[int, int], scale: int) -> bool:
    """Tell whether reducing by `scale` leaves no pixel that is only in part in the picture."""
    return picture[0] % scale == 0 and picture[1] % scale == 0
