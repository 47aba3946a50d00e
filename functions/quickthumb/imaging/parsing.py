"""Translates the errors of parsers into ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quickthumb.problems import Corrupt, QuickThumbError


@contextmanager
def hostile_bytes(what: str, is_whole: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Translate what a parser raises for untrusted bytes to `Corrupt`.

    For invalid input, parsers raise whatever their code happens to raise (`struct.error`,
    `KeyError`, `OverflowError`, …). Their messages tell of their code, so clients do not get them.
    `MemoryError` passes through, and the job may be retried.

    Args:
        what: the subject of the message, such as "The PNG picture".
        is_whole: returns whether the end of the file is there; asked if the parser failed.

    Raises:
        Corrupt: the parser failed.
    """
    try:
        yield
    except (QuickThumbError, MemoryError):
        raise
    except Exception as error:
        raise Corrupt(f"{what} is {'damaged' if is_whole() else 'truncated'}.") from error
