"""How long tombstones live, and how long anyone may take to write.

A tombstone protects an id only while it exists. So a process that stood still and goes on after
that must not write.
"""

import time
from datetime import timedelta

from quickthumb.documents.names import ANNOUNCED
from quickthumb.problems import Unavailable

LONGEST_ATTEMPT = timedelta(hours=1)
"""How long after its beginning a request or delivery may still write; far above any timeout."""

_TOMBSTONE = timedelta(days=1)
_SESSION = timedelta(days=8)  # Cloud Storage accepts an announced upload for a week


def check(begun: float) -> None:
    """Check that a request or delivery is not too old to write.

    Args:
        begun: when it began, seconds of `time.time`.

    Raises:
        Unavailable: it is too old, and has to be repeated.
    """
    if time.time() - begun > LONGEST_ATTEMPT.total_seconds():
        raise Unavailable(f"it stood still for more than {LONGEST_ATTEMPT}")


def of_tombstone(name: str) -> timedelta:
    """Return how long the tombstone of an original of that name lives."""
    return _SESSION if name.startswith(ANNOUNCED) else _TOMBSTONE
