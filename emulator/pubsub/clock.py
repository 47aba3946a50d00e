"""The broker's clock."""

import time
from collections.abc import Callable


def steady_clock(
    wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Return a clock that returns seconds since the epoch and never goes back.

    Args:
        wall: Seconds since the epoch. Goes back when the machine's clock is set back.
        steady: Seconds since any moment. Never goes back, but may stand still while the machine
            sleeps; then the clock catches up with `wall`.
    """
    ahead = float("-inf")

    def now() -> float:
        nonlocal ahead
        # In this order, so that time between the two readings does not count as a gain.
        ahead = max(ahead, wall() - steady())
        return ahead + steady()

    return now
