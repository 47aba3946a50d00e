"""Rate-limits the log lines of libraries."""

import time
from collections.abc import Callable
from dataclasses import dataclass


class Ration:
    """Rate limit per logger: a picture can make a library warn 90,000 times.

    Args:
        lines: per logger and severity in an interval; further ones are counted.
        seconds: length of the interval.
        clock: monotonic, seconds.
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
        """Return whether a source may write a line now; otherwise count it as dropped."""
        account = self._accounts.get(source)
        if account is None or self._is_over(account):
            account = self._accounts[source] = _Account(self._clock())
        account.lines += 1
        if account.lines <= self._lines:
            return True
        account.left_out += 1
        return False

    def left_out(self, *, at_once: bool) -> dict[str, int]:
        """Return the number of dropped lines by source, and reset it.

        Args:
            at_once: do not wait for the end of a source's interval.
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
