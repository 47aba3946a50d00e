"""How a process is started that has nothing but a connection to this one."""

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
"""Variables that an interpreter may need to find itself and its libraries."""

_OWN = {
    # By default glibc reserves 64 MiB of addresses for each thread that asks for memory,
    "MALLOC_ARENA_MAX": "2",
    # and keeps what a large picture took for the next one, in pieces: 120 MB more for good.
    "MALLOC_MMAP_THRESHOLD_": str(MIB),
    "MALLOC_TRIM_THRESHOLD_": str(8 * MIB),
}
"""How malloc is to work there, mallopt(3). It costs no time that could be measured."""


def start(told: Mapping[str, Any]) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start an interpreter of this version with this one's modules.

    It is not forked, for this process has threads, and does not import what this one began with. It
    has a session of its own, so that Ctrl-C in a terminal does not reach it.

    Args:
        told: for `boot`, values of JSON.

    Returns:
        The process, this end of the connection, and a file descriptor from which its standard
        error is read without waiting. Nothing waits for who writes there either: what nobody has
        read is lost beyond 64 KiB or so.

    Raises:
        OSError: the system starts none.
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
        # A socket is not inherited there: it is handed to a process that is known by its number.
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
    # Everything that an interpreter would look for by itself it is told: no path of the script, no
    # packages of the user, no `site`. Only -E is left out, for PYTHONHOME may be needed.
    options = ["-P", "-s", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - "" is the folder we are in
    return [sys.executable, *options, "-c", _BOOT, json.dumps({**told, "path": path})]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _OWN
