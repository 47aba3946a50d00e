"""Translates the errors of parsers into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from quickthumb.problems import Corrupt, QuickThumbError


@contextmanager
def hostile_bytes(what: str) -> Iterator[None]:
    """Translate what a parser raises for untrusted bytes to `Corrupt`.

    For invalid input, parsers raise whatever their code happens to raise (`struct.error`,
    `KeyError`, `OverflowError`, …). `MemoryError` passes through, and the job may be retried.

    Args:
        what: the subject of the message, such as "The PNG picture".

    Raises:
        Corrupt: the parser failed.
    """
    try:
        yield
    except (QuickThumbError, MemoryError):
        raise
    except Exception as error:
        raise Corrupt(f"{what} is invalid: {str(error) or type(error).__name__}.") from error
