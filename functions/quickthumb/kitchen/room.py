"""Something that jobs share, such as memory, and in which order they get it."""

import threading
import time
from collections import deque


class TooLarge(Exception):
    """More is wanted than there is in total."""


class Room:
    """A number of bytes, or of places, that jobs share; thread-safe.

    First come, first served: whoever wants much is not overtaken by those who want little, so
    nobody waits forever as long as everybody gives back.

    Args:
        size: what there is in total.

    Attributes:
        size: what there is in total.
        free: what nobody has.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many wait for some of it."""
        return len(self._line)

    def take(self, amount: int, end: float) -> None:
        """Wait for some of it, and take it.

        Args:
            amount: how much.
            end: how long to wait, seconds of `time.monotonic`.

        Raises:
            TooLarge: there will never be so much.
            TimeoutError: the time is up.
        """
        if amount > self.size:
            raise TooLarge
        turn = object()
        with self._changed:
            self._line.append(turn)
            try:
                if not self._changed.wait_for(
                    lambda: self._line[0] is turn and self.free >= amount,
                    end - time.monotonic(),
                ):
                    raise TimeoutError
                self.free -= amount
            finally:
                self._line.remove(turn)
                self._changed.notify_all()

    def give_back(self, amount: int) -> None:
        """Give back some of what was taken; negative to take more, which is there already."""
        with self._changed:
            self.free += amount
            self._changed.notify_all()
