"""Lists a bucket, skipping what cannot be read.

A single blob can make a listing fail: fake-gcs-server stores the metadata of a blob in an attribute
of its file, and without that attribute every listing with the file fails. In production, a page may
fail repeatedly. To read the rest of the bucket, a listing that fails is split by the next letter of
the names, recursively.
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

PRINTABLE = "".join(sorted({" ", *string.digits, *string.ascii_letters, *string.punctuation}))
"""The letters of most other names. If a listing fails, names with other letters are skipped."""

_DEEPEST = 32
"""Maximum number of letters to split by: a whole id. Names that share more than that are skipped
together."""

PATIENCE_SECONDS = 60.0
"""Maximum time spent on failing listings, seconds; then they are not split further. They fail
immediately in the emulator, but after retries in production."""

_NOWHERE = "\x7f"
"""No name begins with it: an empty listing shows whether the bucket is available."""


def check(bucket: Bucket) -> None:
    """Check that a bucket is available. Raises `Unavailable`."""
    for _ in bucket.walk(_NOWHERE):
        return


def exists(bucket: Bucket, name: str) -> bool:
    """Return whether a blob exists, even if its description cannot be read.

    Raises:
        Unavailable: the bucket is unavailable.
    """
    try:
        return bucket.stat(name) is not None
    except InvalidMessage:
        return True


def walk(
    bucket: Bucket,
    on_unread: Callable[[Unread], None],
    letters: str,
    prefix: str = "",
    start: str = "",
    end: str = "",
) -> Iterator[Blob]:
    """Yield blobs like `Bucket.walk`, skipping what cannot be read.

    Args:
        bucket: contains the blobs.
        on_unread: called with each blob, or part of the listing, that cannot be read.
        letters: those of the names, in order.
        prefix: of the names.
        start: the first name to yield, inclusive.
        end: where to stop, exclusive; empty for no limit.

    Raises:
        Unavailable: the bucket is unavailable.
    """
    yield from _Walk(bucket, on_unread, letters, len(prefix) + _DEEPEST).part(prefix, start, end)


class _Walk:
    def __init__(
        self, bucket: Bucket, on_unread: Callable[[Unread], None], letters: str, deepest: int
    ) -> None:
        self._bucket = bucket
        self._on_unread = on_unread
        self._letters = letters
        self._deepest = deepest
        self._unread = 0
        self._lost = 0.0  # seconds

    def part(self, prefix: str, start: str, end: str) -> Iterator[Blob]:
        """Yield the blobs whose names begin with `prefix`."""
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
            log.warning("listing %s in parts: %s", self._bucket.name, failure)
        before = self._unread
        if len(prefix) < self._deepest and self._lost < PATIENCE_SECONDS:
            for blob in self._in_parts(prefix, start if last is None else last, end):
                if last is None or blob.name > last:
                    yield blob
        # If no part failed, then the blob of exactly this name did, or one with other letters. Or
        # one outside of the range: fake-gcs-server reads all blobs with the prefix.
        is_whole = start <= prefix and not (end and end.startswith(prefix))
        if self._unread == before and is_whole:
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
        """Return the blob of exactly this name."""
        try:
            return self._bucket.stat(name)
        except (InvalidMessage, Unavailable):
            return None

    def _miss(self, unread: Unread) -> None:
        self._unread += 1
        self._on_unread(unread)
