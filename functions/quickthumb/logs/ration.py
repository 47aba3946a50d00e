"""How much others may write into our log."""

import time
from collections.abc import Callable
from dataclasses import dataclass


class Ration:
    """How much each foreign logger may write: a picture can make a library warn 90,000 times.

    Args:
        lines: of one logger and severity in a while; further ones are counted.
        seconds: how long a while is.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        lines: int = 20,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def admits(self, source: str) -> bool:
        """Tell whether a source may write a line now; count it as left out if not."""
        account = self._accounts.get(source)
        if account is None or self._is_over(account):
            account = self._accounts[source] = _Account(self._clock())
        account.lines += 1
        if account.lines <= self._lines:
            return True
        account.left_out += 1
        return False

    def left_out(self, *, at_once: bool) -> dict[str, int]:
        """Return how many lines of which sources were left out, once.

        Args:
            at_once: do not wait for the end of a source's while.
        """
        told = {}
        for source, account in self._accounts.items():
            if account.left_out and (at_once or self._is_over(account)):
                told[source], account.left_out = account.left_out, 0
        return told

    def _is_over(self, account: "_Account") -> bool:
        return self._clock() - account.since >= self._seconds


@dataclass
class _Account:
    since: float
    lines: int = 0
    left_out: int = 0
