"""A line on stderr that is written anew while something goes on, shown only on a terminal.

Standard library only: it is used before anything is installed.
"""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emulator.terminal import shows_escapes

_PAUSE = 0.2  # seconds


@contextmanager
def status_line(state: Callable[[], str]) -> Iterator[None]:
    """Show a state and the seconds since the start, and remove them at the end.

    Args:
        state: returns what to show; called several times a second, in another thread.
    """
    if not shows_escapes(sys.stderr):
        yield
        return
    began, ended = time.monotonic(), threading.Event()

    def show() -> None:
        while not ended.is_set():
            text = f"{state()}, {time.monotonic() - began:.0f} s"
            _write(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}")
            ended.wait(_PAUSE)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _write("\r\033[K")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
