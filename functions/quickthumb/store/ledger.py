"""The records of `sweep`: retries, jobs given up for good, and how far its walks are."""

import json
import logging
from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from quickthumb.buckets import Bucket
from quickthumb.documents import untrusted
from quickthumb.documents.names import blob_name
from quickthumb.documents.untrusted import MAX_WHOLE
from quickthumb.problems import InvalidMessage

log = logging.getLogger(__name__)

COUNT = "sweeps.json"
GIVEN_UP = "given-up"
_CURSOR = "sweep/cursor.json"

_MAX_ATTEMPTS = 1_000
"""Maximum count; a sweep never writes a larger one."""


class Attempts(Struct, frozen=True):
    """How often a job was published again.

    Attributes:
        count: number of times.
        name: of the original.
    """

    count: Annotated[int, Meta(ge=0, le=_MAX_ATTEMPTS)]
    name: str


class Progress(Struct, frozen=True):
    """How far a walk of `sweep` is.

    Attributes:
        begun: when it began, seconds of `time.time`.
        next: where to continue, empty for the beginning; None if it has ended.
    """

    begun: Annotated[float, Meta(ge=0, le=MAX_WHOLE)]
    next: str | None


class _Cursor(Struct, frozen=True):
    walks: dict[str, Progress] = {}  # earlier versions wrote none: they only walked over everything


class Ledger:
    """The records of all sweeps. Every method raises `Unavailable`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def attempts(self, id: str) -> Attempts | None:
        """Return how often a job was published again, None if never, or if it cannot be read.

        An unreadable count cannot cause a loop, since the next one overwrites it.
        """
        body = self._bucket.read(f"{id}/{COUNT}")
        if body is None:
            return None
        try:
            attempts = untrusted.read(Attempts, body)
            blob_name(attempts.name)
            return attempts
        except InvalidMessage as error:
            log.warning("restarted the count of %s: %s", id, error)
            return None

    def put_attempts(self, id: str, attempts: Attempts) -> None:
        """Record that a job is published again."""
        self._write(f"{id}/{COUNT}", to_builtins(attempts))

    def forget_attempts(self, id: str) -> None:
        """Delete the count of a job."""
        self._bucket.delete(f"{id}/{COUNT}")

    def leave_given_up(self, id: str) -> None:
        """Record that a job was given up for good."""
        self._bucket.create(f"{id}/{GIVEN_UP}", b"", "text/plain", {})
        self.forget_attempts(id)

    def progress(self) -> dict[str, Progress]:
        """Return how far each walk is, by name; none if that cannot be read."""
        body = self._bucket.read(_CURSOR)
        if body is None:
            return {}
        try:
            return untrusted.read(_Cursor, body).walks
        except InvalidMessage as error:
            log.warning("restarted the sweep from the beginning: %s: %s", _CURSOR, error)
            return {}

    def put_progress(self, walks: dict[str, Progress]) -> None:
        """Record how far each walk is."""
        self._write(_CURSOR, to_builtins(_Cursor(walks)))

    def _write(self, name: str, document: dict[str, Any]) -> None:
        self._bucket.write(name, json.dumps(document).encode(), "application/json", "no-cache")
