"""What Pillow does not tell about a JPEG, read from its markers (ITU-T T.81, Annex B)."""

RESERVE = 1.9
"""Times the target that must be left for resampling: less is visibly aliased (below 46 dB)."""

_START_OF_SCAN = b"\xff\xda"
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # not tables, though of the same row


def bits_per_sample(data: bytes) -> int | None:
    """Return the sample precision of a JPEG in bits, None where no frame header is found."""
    at = 2
    while at + 5 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker in _FRAMES:
            return data[at + 4]
        if marker == 0xDA:
            return None
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def scans(data: bytes) -> int:
    """Return how many scans there are at most.

    The marker cannot occur in compressed data, where a 0 follows every 0xFF; pictures inside the
    metadata are counted as well, of which there are few.
    """
    return data.count(_START_OF_SCAN)


def idct_scale(picture: tuple[int, int], target: tuple[int, int]) -> int:
    """Return by how much libjpeg may reduce while it decodes, so that `RESERVE` is left."""
    ratio = min(picture[0] / target[0], picture[1] / target[1]) / RESERVE
    return next(scale for scale in (8, 4, 2, 1) if ratio >= scale or scale == 1)
