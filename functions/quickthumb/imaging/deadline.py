"""The time limit of a job."""

import time
from collections.abc import Callable

from quickthumb.problems import TooSlow


class Deadline:
    """A processor time after which no further step is begun.

    It is that of this process, on all processors: what others do at the same time does not decide
    whether a picture has thumbnails.

    C code cannot be interrupted from within the process. So this is checked whenever it reads more
    bytes, and between steps and frames. For a hard limit, do the work in another process, and kill
    that.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.process_time) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Raise `TooSlow` if the time is up."""
        if self._clock() > self._end:
            raise TooSlow.than(self._seconds)
