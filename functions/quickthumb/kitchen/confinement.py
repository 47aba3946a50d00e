"""What the system grants a process that decodes: memory, time, and nothing else.

The limits are those of setrlimit(2). They are set once everything is loaded, and hold for native
code as for Python. A process that is in the middle of a call into a decoder cannot look at a clock:
it is the system that ends it.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path

from quickthumb.limits import MIB, Limits

if sys.platform != "win32":
    import fcntl
    import resource

_BESIDE = 64 * MIB
"""For what is beside the file, the decoded picture and the results: pieces that malloc keeps."""

_THREADS = 512 * MIB
"""Addresses that threads of decoders reserve for their stacks and heaps without using them."""

_LATE = 1.0
"""Seconds after the end of a job at which a process ends itself that nobody has ended."""


def granted_bytes(limits: Limits) -> int:
    """Return how many bytes a process may hold above those that it holds when it is idle."""
    file = 32 * MIB  # what a larger one has beyond is taken from what may be decoded
    return file + limits.max_decoded_bytes + limits.max_result_bytes + _BESIDE


def confine(limits: Limits) -> tuple[str, ...]:
    """Limit this process for the rest of its life; return what this system does not limit."""
    if sys.platform == "win32":
        return ("files", "memory", "time")
    with suppress(OSError):  # only Linux has it: whom to end first where memory runs out
        Path("/proc/self/oom_score_adj").write_text("1000")
    free = os.dup(0)
    os.close(free)
    held = _held_bytes()
    granted = granted_bytes(limits)
    bounds = [
        # A new file or socket gets the lowest free number, and numbers from here on are refused.
        ("files", resource.RLIMIT_NOFILE, free),
        ("writing", resource.RLIMIT_FSIZE, 0),
        ("core dumps", resource.RLIMIT_CORE, 0),
    ]
    if held is not None:
        addresses, data = held
        bounds += [
            ("memory", resource.RLIMIT_DATA, data + granted),
            # gVisor, which Cloud Run may run on, looks at this one alone when memory is mapped.
            ("addresses", resource.RLIMIT_AS, addresses + granted + _THREADS),
        ]
    missing = [] if held else ["memory"]
    for name, which, most in bounds:
        try:
            resource.setrlimit(which, (most, most))
        except (OSError, ValueError):
            missing.append(name)
    return tuple(missing)


def _held_bytes() -> tuple[int, int] | None:
    """Return the addresses and the data of this process, bytes; None where that is not told."""
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


@contextmanager
def ending_after(seconds: float) -> Iterator[None]:
    """Have the system end this process when a job, and the answer to it, take longer."""
    if sys.platform == "win32":
        yield
        return
    late = max(seconds, 0.0) + _LATE
    _limit_processor(late)
    # By default the signal ends a process, whatever it does and whoever holds the interpreter.
    signal.setitimer(signal.ITIMER_REAL, late)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def ending_with(connection: int) -> Iterator[None]:
    """Have the system end this process when the other side of a connection goes away.

    It sends SIGIO then (fcntl(2), O_ASYNC), as it does when there is something to read, and there
    is nothing to read during a job. Where that ends no process, as on macOS, the time limit does.
    """
    if sys.platform == "win32":
        yield
        return
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(connection, fcntl.F_GETFL)
    fcntl.fcntl(connection, fcntl.F_SETFL, flags | os.O_ASYNC)
    try:
        yield
    finally:
        fcntl.fcntl(connection, fcntl.F_SETFL, flags)


def _limit_processor(seconds: float) -> None:
    """Grant processor time for so many seconds on all processors, should the alarm be lost."""
    most = time.process_time() + seconds * (os.cpu_count() or 1)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(most), hard))
