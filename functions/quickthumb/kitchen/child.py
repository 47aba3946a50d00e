"""A process that decodes, as it is seen by the process that has started it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import orders
from quickthumb.kitchen.start import start
from quickthumb.kitchen.wire import Mangled, Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import Unavailable, Unprocessable

log = logging.getLogger(__name__)

Cook = tuple[str, ...]
"""What a child runs: a module, a function of it, and arguments beside connection and limits."""

COOK: Cook = ("quickthumb.kitchen.cook", "main")

GRACE = 0.5
"""Seconds that a child has after its own deadline to say that it was late."""

START_SECONDS = 10.0
_END_SECONDS = 5.0

_LAST_WORDS = 400
"""Characters of what a child has written that are repeated when it has died."""

_TIME_IS_UP = frozenset(
    -getattr(signal, name) for name in ("SIGALRM", "SIGXCPU") if hasattr(signal, name)
)
"""Statuses of a child that the system has ended after its time."""


class Late(Exception):
    """A child took longer than it was granted."""


class Died(Exception):
    """A child has ended, or said what made no sense.

    Attributes:
        at_work: whether it had got all of the order, so that decoding may be what has ended it.
    """

    def __init__(self, how: str, *, at_work: bool) -> None:
        super().__init__(how)
        self.at_work = at_work


class Child:
    """One process, from its start to its end.

    Attributes:
        served: how many orders it has answered.
        ended: whether it is gone, or will be in a moment.
    """

    def __init__(self, limits: Limits, cook: Cook = COOK) -> None:
        """Start it; it gets ready while this process does something else.

        Raises:
            Unavailable: the system starts none.
        """
        self.served = 0
        self.ended = False
        self._limits = limits
        self._ready = False
        self._how = ""
        try:
            self._process, connection, self._words = start({"cook": cook, "limits": asdict(limits)})
        except OSError as error:
            raise Unavailable(
                f"No process can be started to decode pictures in: {error}. Give the function more "
                "memory, or allow it more processes and open files."
            ) from error
        self._wire = Wire(connection)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Return when it takes orders.

        Raises:
            Unavailable: it never will; it is gone.
        """
        if self._ready:
            return
        try:
            unlimited = self._wire.head(time.monotonic() + START_SECONDS)["unlimited"]
        except TimeoutError:
            how = self.end()
            raise Unavailable(
                f"A process to decode pictures in was not ready after {START_SECONDS:g} seconds: "
                f"{how}. Give the function more of a processor."
            ) from None
        except (EOFError, OSError, Mangled, KeyError):
            raise Unavailable(
                f"A process to decode pictures in ended while it was starting: {self.end()}. "
                "Is everything installed that functions/requirements.txt names?"
            ) from None
        self._ready = True
        if unlimited:
            log.warning("this system does not limit decoders in: %s", ", ".join(unlimited))

    def render(self, data: bytes, renditions: Sequence[Rendition], end: float) -> Rendered:
        """Have a picture decoded; after any error but the first it is gone.

        Args:
            data: the file.
            renditions: the thumbnails, at least one.
            end: until when, seconds of `time.monotonic`.

        Raises:
            Unprocessable: what imaging says of the picture.
            Late: it was not done by then.
            OutOfMemory: it needs more memory than it is granted.
            Died: it has ended.
        """
        try:
            rendered = self._ask(data, renditions, end)
        except Unprocessable:
            self.served += 1
            raise
        except BaseException:
            self.end()
            raise
        self.served += 1
        return rendered

    def _ask(self, data: bytes, renditions: Sequence[Rendition], end: float) -> Rendered:
        self._last_words()  # of earlier orders
        try:
            seconds = end - GRACE - time.monotonic()
            orders.send_order(self._wire, data, renditions, seconds, end)
        except TimeoutError as error:
            raise Late from error
        except OSError as error:
            raise Died(self.end(), at_work=False) from error
        try:
            return orders.receive_answer(self._wire, renditions, self._limits, end)
        except TimeoutError as error:
            raise Late from error
        except Mangled as error:
            raise Died(f"its answer makes no sense: {error}", at_work=True) from error
        except (EOFError, OSError) as error:
            how = self.end()
            if self._process.returncode in _TIME_IS_UP:
                raise Late from error
            raise Died(how, at_work=True) from error

    def close(self) -> None:
        """Let it end by itself, which it does when there is nobody to give it orders."""
        self._wire.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.end()

    def end(self) -> str:
        """Kill it, with all that it may have started; return how it ended, and its last words."""
        if not self.ended:
            self.ended = True
            if self._process.returncode is None:
                _kill(self._process)
            self._how = f"{_status(self._process)}, last words {self._last_words()!r}"
            self._wire.close()
            os.close(self._words)
        return self._how

    def _last_words(self) -> str:
        """Return the end of what it has written since this was called before."""
        said = b""
        with suppress(BlockingIOError):
            said = os.read(self._words, 64 * 1024)  # all that a pipe holds
        return said[-_LAST_WORDS:].decode(errors="replace").strip()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # It has not been waited for, so its number is still its own, and that of its group.
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)


def _status(process: subprocess.Popen[bytes]) -> str:
    status = process.returncode
    if status is None:
        return "does not end"
    if status >= 0:
        return f"ended with status {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
