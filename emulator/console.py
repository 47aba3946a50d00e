"""What the parts say, in one stream: a coloured name in front of each line."""

import os
import sys
import threading
from collections.abc import Sequence
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # of ANSI terminals: cyan, yellow, magenta, green, blue, red


class Console:
    """Writes whole lines, from any thread.

    Attributes:
        verbose: show every line of every part, not only what matters.
    """

    def __init__(
        self, names: Sequence[str], *, verbose: bool = False, out: TextIO | None = None
    ) -> None:
        self.verbose = verbose
        self._out = out or sys.stderr
        self._lock = threading.Lock()
        self._lost = 0
        self._width = max(map(len, names), default=0)
        coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        self._colours = {
            name: _COLOURS[index % len(_COLOURS)] if coloured else None
            for index, name in enumerate(names)
        }

    def line(self, name: str, text: str) -> None:
        """Write a line of a part."""
        label = name.ljust(self._width)
        colour = self._colours.get(name)
        if colour:
            label = f"\033[{colour}m{label}\033[0m"
        self.say(f"{label} | {text}")

    def say(self, text: str) -> None:
        """Write a line of the emulator itself.

        A log that cannot be written, as on a full disk, stops nobody: its lines are counted, and
        that they are missing is told once it can be.
        """
        with self._lock:
            missing = f"({self._lost:,} lines could not be written here)\n" if self._lost else ""
            try:
                print(missing + text, file=self._out, flush=True)
                self._lost = 0
            except OSError:
                self._lost += 1
