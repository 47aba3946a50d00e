"""Confines a decoding process: limited memory and time, and no files or sockets.

The limits of setrlimit(2) are set once everything is loaded, and apply to native code too. A
process inside a call into a decoder cannot check a clock, so the system ends it.
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

try:
    import fcntl
    import resource
except ImportError:
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

BESIDE = 64 * MIB
"""Overhead beside the file, the decoded picture and the results, such as memory kept by malloc."""

_THREADS = 512 * MIB
"""Address space that decoder threads reserve for stacks and heaps without using it."""

_LATE = 1.0
"""Seconds after the deadline of a job at which a process that was not killed ends itself."""


def granted_bytes(limits: Limits) -> int:
    """Return the memory that a process may use above its idle memory, bytes."""
    file = 32 * MIB  # for a larger file, the rest reduces the limit of decoding
    return file + limits.max_decoded_bytes + limits.max_result_bytes + BESIDE


def largest_bytes(limits: Limits) -> int:
    """Return the memory of the largest job, without the original that the parent has, bytes."""
    return granted_bytes(limits) + limits.max_result_bytes  # which the parent gets


def confine(limits: Limits) -> tuple[str, ...]:
    """Confine this process permanently; return what the system cannot limit."""
    if not HAS_LIMITS or sys.platform == "win32":
        return ("files", "memory", "time")
    with suppress(OSError):  # Linux only: end this process first if the system runs out of memory
        Path("/proc/self/oom_score_adj").write_text("1000")
    free = os.dup(0)
    os.close(free)
    held = _held_bytes()
    granted = granted_bytes(limits)
    bounds = [
        # A new file or socket gets the lowest free descriptor, so none can be opened.
        ("files", resource.RLIMIT_NOFILE, free),
        ("writing", resource.RLIMIT_FSIZE, 0),
        ("core dumps", resource.RLIMIT_CORE, 0),
    ]
    if held is not None:
        addresses, data = held
        bounds += [
            ("memory", resource.RLIMIT_DATA, data + granted),
            # gVisor, which Cloud Run may use, only enforces this one when memory is mapped.
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
    """Return address space and data size of this process, bytes; None if unknown."""
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


@contextmanager
def ending_after(seconds: float, processor_seconds: float) -> Iterator[None]:
    """Have the system end this process if a step of a job, including its answer, takes longer.

    Args:
        seconds: from now.
        processor_seconds: on all processors.
    """
    if not HAS_LIMITS or sys.platform == "win32":
        yield
        return
    late = max(seconds, 0.0) + _LATE
    _limit_processor(processor_seconds + _LATE)
    # The default action of the signal ends a process even inside native code.
    signal.setitimer(signal.ITIMER_REAL, late)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def ending_with(connection: int) -> Iterator[None]:
    """Have the system end this process when the peer closes the connection.

    It sends SIGIO (fcntl(2), O_ASYNC), as it does for incoming data, of which there is none during
    a job. Where that does not end a process, as on macOS, the time limit does.
    """
    if not HAS_LIMITS or sys.platform == "win32":
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
    """Limit the processor time to that many seconds from now."""
    most = time.process_time() + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (ceil(most), hard))
