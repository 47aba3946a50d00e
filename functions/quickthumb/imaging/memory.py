"""Estimates the memory that making thumbnails takes."""

from collections.abc import Sequence
from math import prod

from quickthumb.imaging.encode import MOST_BYTES
from quickthumb.imaging.engines.seam import Encoded
from quickthumb.imaging.finish import Finish
from quickthumb.imaging.formats import AUTO, OUTPUTS
from quickthumb.imaging.formats.jpeg import JPEG
from quickthumb.limits import Limits

_OPAQUE = frozenset(("1", "L", "RGB", "CMYK", "YCbCr", "I", "F", "I;16"))
"""Modes without transparency."""

_COPIES = 4 * 4
"""Bytes per pixel of a reduced picture, of what it was reduced from, and while it is finished."""


def needed_bytes(encoded: Encoded, finishes: Sequence[Finish], limits: Limits) -> int:
    """Return an upper bound of the memory for making thumbnails, without the file, bytes.

    It is computed from the header, before a pixel is decoded. An animation may take all that is
    allowed.
    """
    most = limits.max_decoded_bytes + limits.max_result_bytes
    if encoded.declared.frames > 1:
        return most
    largest = max((finish.reduced for finish in finishes), key=prod)
    decoding = min(_decoding(encoded, largest), encoded.max_bytes)
    made = max(_COPIES * prod(largest) + _encoding(encoded, finish) for finish in finishes)
    return min(round(max(decoding, made)) + weight_bound(encoded, finishes, limits), most)


def weight_bound(encoded: Encoded, finishes: Sequence[Finish], limits: Limits) -> int:
    """Return an upper bound of the size of all thumbnails together, bytes."""
    if encoded.declared.frames > 1:
        return limits.max_result_bytes
    raw = sum(4 * prod(finish.final) + 4096 for finish in finishes)
    return min(raw, limits.max_result_bytes)


def _decoding(encoded: Encoded, size: tuple[int, int]) -> float:
    """Return the memory of the engine that needs most: what one cannot read goes to the other."""
    by_pillow = encoded.format.held(encoded, size)
    if (vips := encoded.format.vips) is None:
        return by_pillow
    return max(by_pillow, len(encoded.data) + 12 * prod(size) + vips.held(encoded, size))


def _encoding(encoded: Encoded, finish: Finish) -> int:
    """Return the memory of the encoder."""
    asked = finish.rendition.format
    if asked != AUTO:
        output = OUTPUTS[asked]
        return min(output.writer.held(finish.final, transparent=True), MOST_BYTES)
    if encoded.header.mode in _OPAQUE:
        return JPEG.writer.held(finish.final, transparent=False)
    return min(
        max(each.writer.held(finish.final, transparent=True) for each in OUTPUTS.values()),
        MOST_BYTES,
    )
