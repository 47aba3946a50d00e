"""Starts a process that has nothing but a connection to this one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from quickthumb.limits import MIB

_BOOT = (
    "import json, sys\n"
    "told = json.loads(sys.argv[1])\n"
    "sys.path[:] = told['path']\n"
    "from quickthumb.kitchen.boot import boot\n"
    "boot(told)"
)

_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")
"""Environment variables that an interpreter may need to find its libraries."""

_OWN = {
    # By default glibc reserves 64 MiB of address space per thread that allocates memory,
    "MALLOC_ARENA_MAX": "2",
    # and keeps fragments of what a large picture used: 120 MB more permanently.
    "MALLOC_MMAP_THRESHOLD_": str(MIB),
    "MALLOC_TRIM_THRESHOLD_": str(8 * MIB),
}
"""Configures malloc, mallopt(3). Its cost in time is not measurable."""


def start(told: Mapping[str, Any]) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a fresh interpreter with the same modules.

    It is not forked, since this process has threads, and does not import this one's main module. It
    has its own session, so that Ctrl-C in a terminal does not reach it.

    Args:
        told: arguments of `boot`, as JSON values.

    Returns:
        The process, this end of the connection, and a non-blocking file descriptor of its standard
        error. Writing does not block either: unread output beyond about 64 KiB is lost.

    Raises:
        OSError: the system cannot start a process.
    """
    ours, theirs = socket.socketpair()
    with theirs, ExitStack() as if_that_fails:
        if_that_fails.callback(ours.close)
        words, said = os.pipe()
        if_that_fails.callback(os.close, words)
        try:
            process = _start(told, theirs, words, said)
        finally:
            os.close(said)
        if_that_fails.pop_all()
    return process, ours, words


if sys.platform == "win32":

    def _start(told: Mapping[str, Any], theirs: socket.socket, *_: int) -> subprocess.Popen[bytes]:
        # Windows does not inherit sockets: they are shared with a process by its pid.
        process = subprocess.Popen(
            _command(told),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
            env=_environment(),
        )
        assert process.stdin is not None  # noqa: S101 - it was asked for
        with process.stdin as stdin:
            stdin.write(theirs.share(process.pid))
        return process

else:

    def _start(
        told: Mapping[str, Any], theirs: socket.socket, words: int, said: int
    ) -> subprocess.Popen[bytes]:
        os.set_blocking(words, False)
        os.set_blocking(said, False)
        return subprocess.Popen(
            _command({**told, "connection": theirs.fileno()}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )


def _command(told: Mapping[str, Any]) -> list[str]:
    # The interpreter gets its path explicitly: no script path, no user packages, no `site`. -E is
    # not set, since PYTHONHOME may be needed.
    options = ["-P", "-s", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" is the folder we are in
    return [sys.executable, *options, "-c", _BOOT, json.dumps({**told, "path": path})]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _OWN
