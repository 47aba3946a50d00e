"""A child process that decodes, as seen by its parent."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import orders
from quickthumb.kitchen.orders import Needs
from quickthumb.kitchen.start import start
from quickthumb.kitchen.wire import Mangled, Wire
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import Unavailable, Unprocessable

log = logging.getLogger(__name__)

Cook = tuple[str, ...]
"""What a child runs: a module, a function in it, and arguments after connection and limits."""

COOK: Cook = ("quickthumb.kitchen.cook", "main")

GRACE = 0.5
"""Seconds after its own deadline within which a child can report that it was late."""

START_SECONDS = 10.0
_END_SECONDS = 5.0

_LAST_WORDS = 400
"""Characters of a dead child's output to include in messages."""

_TIME_IS_UP = frozenset(
    -getattr(signal, name) for name in ("SIGALRM", "SIGXCPU") if hasattr(signal, name)
)
"""Exit statuses of a child that the system ended after its time limit."""


class Late(Exception):
    """A child exceeded its deadline."""


class Died(Exception):
    """A child exited, or sent an invalid answer.

    Attributes:
        at_work: whether it had received the whole order, so that decoding may be the cause.
    """

    def __init__(self, how: str, *, at_work: bool) -> None:
        super().__init__(how)
        self.at_work = at_work


class Child:
    """One process, from its start to its end.

    Attributes:
        served: number of orders that it has answered.
        ended: whether it has been ended.
    """

    def __init__(self, limits: Limits, cook: Cook = COOK) -> None:
        """Start it; it prepares in the background.

        Raises:
            Unavailable: the system cannot start a process.
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
                f"Cannot start a process to decode pictures: {error}. Give the function more "
                "memory, or allow it more processes and open files."
            ) from error
        self._wire = Wire(connection)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it is ready for orders.

        Raises:
            Unavailable: it has failed to start.
        """
        if self._ready:
            return
        try:
            unlimited = self._wire.head(time.monotonic() + START_SECONDS)["unlimited"]
        except TimeoutError:
            how = self.end()
            raise Unavailable(
                f"A process to decode pictures was not ready after {START_SECONDS:g} seconds: "
                f"{how}. Give the function more CPU."
            ) from None
        except (EOFError, OSError, Mangled, KeyError):
            raise Unavailable(
                f"A process to decode pictures ended during startup: {self.end()}. Is everything "
                "in functions/requirements.txt installed?"
            ) from None
        self._ready = True
        if unlimited:
            log.warning("this system cannot limit decoders in: %s", ", ".join(unlimited))

    def open(self, data: bytes, renditions: Sequence[Rendition], end: float) -> Needs:
        """Open a picture, and return what making its thumbnails takes.

        Any error but Unprocessable ends the child; so it is with `make`.

        Args:
            data: the file.
            renditions: the thumbnails, at least one.
            end: deadline, seconds of `time.monotonic`.

        Raises:
            Unprocessable: imaging rejected the picture.
            Late: the deadline passed.
            OutOfMemory: the memory limit was reached.
            Died: the child died.
        """
        with self._serving():
            self._last_words()  # of earlier orders
            with self._sending(at_work=False):
                orders.send_order(self._wire, data, renditions, _left(end), end)
            with self._receiving():
                return orders.receive_needs(self._wire, self._limits, end)

    def make(self, renditions: Sequence[Rendition], end: float) -> Rendered:
        """Make the thumbnails of the picture that is open; see `open`."""
        with self._serving():
            with self._sending(at_work=True):
                orders.send_start(self._wire, _left(end), end)
            with self._receiving():
                rendered = orders.receive_answer(self._wire, renditions, self._limits, end)
            self.served += 1
            return rendered

    @contextmanager
    def _serving(self) -> Iterator[None]:
        """End the child with any error but Unprocessable."""
        try:
            yield
        except Unprocessable:
            self.served += 1
            raise
        except BaseException:
            self.end()
            raise

    @contextmanager
    def _sending(self, *, at_work: bool) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise Late from error
        except OSError as error:
            raise Died(self.end(), at_work=at_work) from error

    @contextmanager
    def _receiving(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise Late from error
        except Mangled as error:
            raise Died(f"invalid answer: {error}", at_work=True) from error
        except (EOFError, OSError) as error:
            how = self.end()
            if self._process.returncode in _TIME_IS_UP:
                raise Late from error
            raise Died(how, at_work=True) from error

    def close(self) -> None:
        """Let it exit by itself, as it does when the connection closes."""
        self._wire.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.end()

    def end(self) -> str:
        """Kill it and its descendants; return how it ended, and its last output."""
        if not self.ended:
            self.ended = True
            if self._process.returncode is None:
                _kill(self._process)
            self._how = f"{_status(self._process)}, last words {self._last_words()!r}"
            self._wire.close()
            os.close(self._words)
        return self._how

    def _last_words(self) -> str:
        """Return the end of its output since the last call."""
        said = b""
        with suppress(BlockingIOError):
            said = os.read(self._words, 64 * 1024)  # the capacity of a pipe
        return said[-_LAST_WORDS:].decode(errors="replace").strip()


def _left(end: float) -> float:
    """Return how long a child may take, seconds."""
    return end - GRACE - time.monotonic()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # It has not been waited for, so its pid and process group are not reused yet.
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
        return "still running"
    if status >= 0:
        return f"ended with status {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
