"""The broker's clock."""

import time
from collections.abc import Callable


def steady_clock(
    wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Return a clock that tells seconds since the epoch and never goes back.

    Args:
        wall: Seconds since the epoch. May go back when the machine's clock is set.
        steady: Seconds since some moment. Never goes back, but stands still while the machine
            sleeps: then the wall is ahead, and is caught up with.
    """
    ahead = float("-inf")

    def now() -> float:
        nonlocal ahead
        # In this order: what passes between the two readings must not count as time gained.
        ahead = max(ahead, wall() - steady())
        return ahead + steady()

    return now
