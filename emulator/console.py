"""What the parts log, in one stream, with the coloured name of the part before each line."""

import os
import sys
import threading
from collections.abc import Sequence
from itertools import cycle
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # of ANSI terminals: cyan, yellow, magenta, green, blue, red


class Console:
    """Writes whole lines, from any thread.

    Attributes:
        verbose: show every line of every part, not only those that matter.
    """

    def __init__(self, *, verbose: bool = False, out: TextIO | None = None) -> None:
        self.verbose = verbose
        self._out = out or sys.stderr
        self._lock = threading.Lock()
        self._lost = 0
        self._width = 0
        self._colours: dict[str, int] = {}

    def introduce(self, names: Sequence[str]) -> None:
        """Learn which parts there are, so that their names line up and differ in colour."""
        self._width = max(map(len, names), default=0)
        if self._out.isatty() and "NO_COLOR" not in os.environ:
            self._colours = dict(zip(names, cycle(_COLOURS), strict=False))

    def line(self, name: str, text: str) -> None:
        """Write a line of a part."""
        label = name.ljust(self._width)
        colour = self._colours.get(name)
        if colour:
            label = f"\033[{colour}m{label}\033[0m"
        self.say(f"{label} | {text}")

    def say(self, text: str) -> None:
        """Write a line of the emulator itself.

        Where the log cannot be written, as on a full disk, the emulator goes on: it counts the
        lost lines and reports their number as soon as it can write again.
        """
        with self._lock:
            missing = f"({self._lost:,} lines could not be written here)\n" if self._lost else ""
            try:
                print(missing + text, file=self._out, flush=True)
                self._lost = 0
            except OSError:
                self._lost += 1
