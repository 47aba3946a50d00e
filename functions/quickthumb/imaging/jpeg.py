"""What Pillow does not tell about a JPEG, read from its markers (ITU-T T.81, Annex B)."""

import struct
from collections.abc import Iterator

RESERVE = 1.9
"""Times the target that must be left for resampling: less is visibly aliased (below 46 dB)."""

_SCAN = 0xDA
_PROGRESSIVE = 0xC2
_MOST_PARAMETERS = 6 + 3 * 255
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # not tables, though of the same row


def bits_per_sample(data: bytes) -> int | None:
    """Return the sample precision of a JPEG in bits, None where no frame header is found."""
    for marker, at in _segments(data):
        if marker in _FRAMES and at + 4 < len(data):
            return data[at + 4]
    return None


def coefficient_bytes(data: bytes) -> int:
    """Return what libjpeg holds of a picture in several scans: all coefficients, two bytes each.

    One in a single scan is decoded row by row.
    """
    for marker, at in _segments(data):
        parameters = data[at + 4 : at + 4 + _MOST_PARAMETERS]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", parameters, 1)
            count, progressive = parameters[5], marker == _PROGRESSIVE
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
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            yield marker, at
            if marker == _SCAN:
                return
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


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
