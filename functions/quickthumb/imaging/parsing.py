"""Where the errors of foreign parsers become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from quickthumb.problems import Corrupt, QuickThumbError


@contextmanager
def hostile_bytes(what: str) -> Iterator[None]:
    """Run a parser over bytes nobody vouches for.

    Parsers answer nonsense with whatever their code runs into (`struct.error`, `KeyError`,
    `OverflowError`, …); in here all of it means that the picture is at fault. Running out of memory
    does not: it passes through, and the job may be tried again.

    Raises:
        Corrupt: the parser gave up on `what`.
    """
    try:
        yield
    except (QuickThumbError, MemoryError):
        raise
    except Exception as error:
        raise Corrupt(f"{what} makes no sense: {str(error) or type(error).__name__}.") from error
