"""Chooses the quality of a thumbnail by its size in bytes."""

from collections.abc import Callable

from quickthumb.problems import CannotFit

_QUALITIES_TO_SAVE = (70, 60, 50)
"""Tried if a thumbnail would be larger than its original. Lower ones would be visible."""


def weigh(
    encode_at: Callable[[int], bytes],
    quality: int,
    *,
    original: int,
    max_bytes: int | None = None,
    lossless: bool = False,
) -> bytes:
    """Encode within `max_bytes`, or else, if quality allows, no larger than the original.

    Args:
        encode_at: encodes at a quality, 1 to 100.
        quality: the best to try.
        original: size of the original, bytes.
        max_bytes: maximum size of the result, bytes.
        lossless: whether to reduce quality only for `max_bytes`, not for the size of the original.

    Raises:
        CannotFit: even the lowest quality exceeds `max_bytes`.
    """
    if max_bytes is not None:
        fitting = _best_that_fits(encode_at, quality, max_bytes)
        if fitting is None:
            raise CannotFit(
                f"The thumbnail does not fit into {max_bytes} bytes at any quality. "
                "Request a smaller size, more bytes, or another format."
            )
        return fitting
    first = encode_at(quality)
    if len(first) <= original or lossless:
        return first
    lower = (encode_at(each) for each in _QUALITIES_TO_SAVE if each < quality)
    return next((data for data in lower if len(data) <= original), first)


def _best_that_fits(encode_at: Callable[[int], bytes], best: int, max_bytes: int) -> bytes | None:
    """Return the result at the best quality up to `best` within `max_bytes`, None if there is none.

    Size grows (almost) monotonically with quality, so this is a binary search of at most nine
    encodes.
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
