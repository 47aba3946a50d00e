"""The log of all parts in one stream, each line with the coloured name of its part."""

import os
import sys
import threading
from collections.abc import Sequence
from itertools import cycle
from typing import TextIO

from emulator.terminal import shows_escapes

_COLOURS = (36, 33, 35, 32, 34, 31)  # of ANSI terminals: cyan, yellow, magenta, green, blue, red


class Console:
    """Writes whole lines, from any thread.

    Attributes:
        verbose: whether to show every line of every part.
    """

    def __init__(self, *, verbose: bool = False, out: TextIO | None = None) -> None:
        self.verbose = verbose
        self._out = out or sys.stderr
        self._lock = threading.Lock()
        self._lost = 0
        self._width = 0
        self._colours: dict[str, int] = {}

    def introduce(self, names: Sequence[str]) -> None:
        """Set the names of the parts, to align and colour them."""
        self._width = max(map(len, names), default=0)
        if "NO_COLOR" not in os.environ and shows_escapes(self._out):
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

        Lines that cannot be written, as on a full disk, are counted, and reported later.
        """
        with self._lock:
            missing = f"({self._lost:,} lines could not be written)\n" if self._lost else ""
            try:
                print(missing + text, file=self._out, flush=True)
                self._lost = 0
            except OSError:
                self._lost += 1
