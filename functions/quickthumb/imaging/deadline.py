"""The time limit of a job."""

import time
from collections.abc import Callable

from quickthumb.problems import TooSlow


class Deadline:
    """A moment after which no further step is begun.

    C code cannot be interrupted from within the process. So this is looked at wherever it comes
    back for more bytes, and between steps and frames; who cannot wait that long must have another
    process do the work, and kill it.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Return while there is time left.

        Raises:
            TooSlow: the time is up.
        """
        if self._clock() > self._end:
            raise TooSlow.than(self._seconds)
