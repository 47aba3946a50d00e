"""How often a failed request is repeated, and when."""

import random
from collections.abc import Iterator
from time import monotonic, sleep

_FIRST_PAUSE, _LAST_PAUSE = 0.1, 2.0  # seconds


def attempts(seconds: float) -> Iterator[int]:
    """Yield the numbers of the attempts, from 0, with growing random pauses between them.

    Args:
        seconds: how long to try again.
    """
    end, pause, number = monotonic() + seconds, _FIRST_PAUSE, 0
    while True:
        yield number
        wait = random.uniform(0, pause)  # noqa: S311 - spreads attempts, guards nothing
        if monotonic() + wait > end:
            return
        sleep(wait)
        pause, number = min(2 * pause, _LAST_PAUSE), number + 1
