"""How heavy a thumbnail may be."""

from collections.abc import Callable

from quickthumb.problems import CannotFit

_QUALITIES_TO_SAVE = (70, 60, 50)
"""Tried unasked for a thumbnail that would weigh more than its original; below, it would show."""


def weigh(
    encode_at: Callable[[int], bytes],
    quality: int,
    *,
    original: int,
    max_bytes: int | None = None,
    lossless: bool = False,
) -> bytes:
    """Encode within what was asked for and, as far as it looks right, no heavier than the original.

    Args:
        encode_at: encodes at a quality, 1 to 100.
        quality: the best to try.
        original: weight of the whole original, bytes.
        max_bytes: the most it may weigh, bytes.
        lossless: whether only `max_bytes` may cost quality, not the weight of the original.

    Raises:
        CannotFit: even the lowest quality weighs more than `max_bytes`.
    """
    if max_bytes is not None:
        fitting = _best_that_fits(encode_at, quality, max_bytes)
        if fitting is None:
            raise CannotFit(
                f"The thumbnail does not fit into {max_bytes} bytes at any quality: "
                "ask for a smaller size, more bytes, or another format."
            )
        return fitting
    first = encode_at(quality)
    if len(first) <= original or lossless:
        return first
    lower = (encode_at(each) for each in _QUALITIES_TO_SAVE if each < quality)
    return next((data for data in lower if len(data) <= original), first)


def _best_that_fits(encode_at: Callable[[int], bytes], best: int, max_bytes: int) -> bytes | None:
    """Return the best quality up to `best` within `max_bytes`, None if none is.

    Weight grows with quality (nearly), so this is a binary search: at most nine encodes.
    """
    data = encode_at(best)
    if len(data) <= max_bytes:
        return data
    fitting = encode_at(1) if best > 1 else data
    if len(fitting) > max_bytes:
        return None
    low, high = 2, best - 1
    while low <= high:
        middle = (low + high) // 2
        data = encode_at(middle)
        if len(data) <= max_bytes:
            fitting, low = data, middle + 1
        else:
            high = middle - 1
    return fitting
