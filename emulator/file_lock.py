"""File locks, which the system releases when the process ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.errors import Unwritable


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, *, wait: bool, inherited: bool = False) -> Iterator[None]:
    """Hold the lock on a file, which is created if necessary and not deleted.

    Args:
        path: the file.
        wait: wait until the lock is free instead of raising.
        inherited: child processes started with `close_fds=False` also hold it; not on Windows.

    Raises:
        Locked: another process holds it and `wait` is false.
        Unwritable: the file cannot be created or written to.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")
    except OSError as error:
        raise Unwritable(f"{path}: {error.strerror}. You need write permission.") from None
    with file:
        try:
            import fcntl
        except ImportError:
            _lock_on_windows(file.fileno(), wait)
        else:
            os.set_inheritable(file.fileno(), inherited)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise Locked(str(path)) from None
        yield


def _lock_on_windows(descriptor: int, wait: bool) -> None:
    import msvcrt
    import time

    while True:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            return
        except OSError:
            if not wait:
                raise Locked(str(descriptor)) from None
            time.sleep(0.1)
