"""The time limit of a job."""

import time
from collections.abc import Callable

from quickthumb.errors import TooSlow


class Deadline:
    """A moment after which no further step is begun.

    C code cannot be interrupted from within the process. So this is looked at wherever it comes
    back for more bytes, and between steps and frames; the limits bound what lies between.
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
            raise TooSlow(
                f"Making the thumbnails took longer than {self._seconds:g} seconds: "
                "ask for fewer or smaller ones, or send a smaller picture."
            )
