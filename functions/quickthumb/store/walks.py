"""Lists a bucket and skips what cannot be read.

A listing can fail because of a single blob: fake-gcs-server keeps the metadata of a blob in an
attribute of its file, and while that is missing, every listing that includes the file fails. In
production a page may be refused again and again. Either way the rest of the bucket is still read: a
listing that fails is split by the next letter of the names, and a part that fails is split again.
"""

import logging
import string
import time
from collections.abc import Callable, Iterator

from quickthumb.buckets import Blob, Bucket, Unread
from quickthumb.problems import InvalidMessage, Unavailable

log = logging.getLogger(__name__)

HEXADECIMAL = "0123456789abcdef"
"""The letters of ids, in order."""

AFTER_IDS = "g"
"""Sorts after every id: so does everything in a bucket that is neither original nor result."""

PRINTABLE = "".join(sorted({" ", *string.digits, *string.ascii_letters, *string.punctuation}))
"""The letters of most other names. Where a listing fails, names with other letters are missed."""

_DEEPEST = 32
"""How many letters longer than the prefix the smallest part is: a whole id. Names that share more
are skipped together with the one that cannot be read."""

PATIENCE_SECONDS = 60.0
"""How long failing listings may take, seconds; after that no smaller parts are tried. In the
emulator they fail at once, in production after retries."""

_NOWHERE = "\x7f"
"""No name begins with it: an empty listing shows whether the bucket answers at all."""


def check(bucket: Bucket) -> None:
    """Check that a bucket answers.

    Raises:
        Unavailable: it does not.
    """
    for _ in bucket.walk(_NOWHERE):
        return


def exists(bucket: Bucket, name: str) -> bool:
    """Return whether there is a blob with that name, even one that cannot be described.

    Raises:
        Unavailable: the bucket does not answer.
    """
    try:
        return bucket.stat(name) is not None
    except InvalidMessage:
        return True


def walk(
    bucket: Bucket,
    tell: Callable[[Unread], None],
    letters: str,
    prefix: str = "",
    start: str = "",
    end: str = "",
) -> Iterator[Blob]:
    """Walk over blobs by name, as `Bucket.walk` does, and skip what cannot be read.

    Args:
        bucket: where they are.
        tell: is told of each blob, or part of the listing, that cannot be read.
        letters: those that the names consist of, in order.
        prefix: of the names.
        start: the first name that may come.
        end: the first name that may not; empty for no such limit.

    Raises:
        Unavailable: the bucket does not answer.
    """
    yield from _Walk(bucket, tell, letters, len(prefix) + _DEEPEST).part(prefix, start, end)


class _Walk:
    def __init__(
        self, bucket: Bucket, tell: Callable[[Unread], None], letters: str, deepest: int
    ) -> None:
        self._bucket = bucket
        self._tell = tell
        self._letters = letters
        self._deepest = deepest
        self._told = 0
        self._lost = 0.0  # seconds

    def part(self, prefix: str, start: str, end: str) -> Iterator[Blob]:
        """Walk over the blobs whose names begin with `prefix`."""
        last, begun = None, time.monotonic()
        try:
            for blob in self._bucket.walk(prefix, start, end):
                last = blob.name
                if isinstance(blob, Blob):
                    yield blob
                else:
                    self._miss(blob)
                begun = time.monotonic()
        except Unavailable as error:
            check(self._bucket)
            failure = str(error)
            self._lost += time.monotonic() - begun
        else:
            return
        if len(prefix) + _DEEPEST == self._deepest:
            log.warning("%s is listed in parts: %s", self._bucket.name, failure)
        told = self._told
        if len(prefix) < self._deepest and self._lost < PATIENCE_SECONDS:
            for blob in self._in_parts(prefix, start if last is None else last, end):
                if last is None or blob.name > last:
                    yield blob
        # If no part has failed, it is what is left: the blob of just this name, or other letters.
        # Or it is what nobody asked for here: fake-gcs-server looks at all that have the prefix.
        is_whole = start <= prefix and not (end and end.startswith(prefix))
        if self._told == told and is_whole:
            self._miss(Unread(f"{prefix}…", failure))

    def _in_parts(self, prefix: str, start: str, end: str) -> Iterator[Blob]:
        if prefix and prefix >= start and (blob := self._named(prefix)):
            yield blob
        for letter in self._letters:
            part = prefix + letter
            is_past = part < start and not start.startswith(part)
            if not is_past and (not end or part < end):
                yield from self.part(part, max(part, start), end)

    def _named(self, name: str) -> Blob | None:
        """Return the blob that has just this name."""
        try:
            return self._bucket.stat(name)
        except (InvalidMessage, Unavailable):
            return None

    def _miss(self, unread: Unread) -> None:
        self._told += 1
        self._tell(unread)
