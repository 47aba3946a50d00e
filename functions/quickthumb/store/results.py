"""The bucket of results: thumbnails, and how jobs ended."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from quickthumb.buckets import Blob, Bucket, Unread
from quickthumb.documents import notes
from quickthumb.documents.manifest import Manifest, Tombstone, end_of
from quickthumb.documents.names import AFTER_IDS, Range
from quickthumb.documents.untrusted import shown
from quickthumb.problems import GaveUp, InvalidMessage
from quickthumb.store import ledger, walks, wishes

log = logging.getLogger(__name__)

_IMMUTABLE = "public, max-age=31536000, immutable"
_CHANGING = "no-cache"

_MANIFEST = "manifest.json"
_DROPPED = "original-dropped"  # by earlier versions, instead of `Manifest.dropped`

# Metadata of a manifest, for walks.
_CODE = "code"  # of a job that was given up
_STATE = "state"
_COUNT = "thumbnails"


@dataclass(frozen=True, slots=True)
class Kept:
    """How a job ended, as read.

    Attributes:
        end: its manifest, or the tombstone of a deleted upload.
        version: generation of the blob.
    """

    end: Manifest | Tombstone
    version: int

    def yields_to(self, generation: int) -> bool:
        """Return whether the result of a job for that generation of the original replaces this.

        A tombstone is final, whatever the generation.
        """
        return isinstance(self.end, Manifest) and (
            self.end.gave_up or self.end.generation < generation
        )


@dataclass(frozen=True, slots=True)
class FoundResults:
    """The results of a job, found in a listing.

    Attributes:
        id: of the upload.
        updated: when the newest blob was written.
        ended: whether there is a manifest or a tombstone.
        swept: when a sweep last published the job again; None if never.
        gave_up: whether the job was given up, but may be retried by a sweep.
        deleted: when the tombstone was written; None if there is none.
        dropped: whether the manifest says that the original is dropped.
        others: number of blobs besides the manifest.
        unnamed: whether there are more thumbnails than the manifest names.
        origin: name and generation of the original; None if no result tells them, as those that
            earlier versions wrote.
        wished: when the latest wish for a further thumbnail was written that is still open; None
            if there is none.
    """

    id: str
    updated: datetime
    ended: bool
    swept: datetime | None
    gave_up: bool = False
    deleted: datetime | None = None
    dropped: bool = False
    others: int = 0
    unnamed: bool = False
    origin: tuple[str, int] | None = None
    wished: datetime | None = None


class Results:
    """The results of all jobs. Every method raises `Unavailable`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put_thumbnails(
        self, manifest: Manifest, contents: Sequence[bytes], *, at_once: int = 8
    ) -> None:
        """Write the thumbnails of a manifest together, before the manifest itself."""
        about = notes.origin(manifest.name, manifest.generation)

        def put(index: int) -> None:
            thumb = manifest.thumbnails[index]
            self.put_thumbnail(thumb.blob, contents[index], thumb.content_type, about)

        if len(contents) == 1:
            put(0)
            return
        with ThreadPoolExecutor(min(at_once, len(contents))) as pool:
            # With the trace and the job of this thread.
            puts = [pool.submit(copy_context().run, put, n) for n in range(len(contents))]
        for done in puts:
            done.result()

    def put_thumbnail(
        self, blob: str, data: bytes, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write a thumbnail."""
        self._bucket.write(blob, data, content_type, _IMMUTABLE, metadata)

    def thumbnail(self, blob: str) -> bytes | None:
        """Return a thumbnail, None if it was deleted."""
        return self._bucket.read(blob)

    def put(self, end: Manifest | Tombstone, over: Kept | None = None) -> bool:
        """Write how a job ended; return whether it was written.

        Args:
            end: its manifest or tombstone.
            over: what was read before, and is replaced only if it is still there; None writes only
                if there is nothing. See `Bucket.write` for what False means.
        """
        name, version = f"{end.id}/{_MANIFEST}", over.version if over else 0
        return self._bucket.write(
            name, end.to_json(), "application/json", _CHANGING, _about(end), if_generation=version
        )

    def read(self, id: str) -> Kept | None:
        """Return how a job ended, None if it has not ended or does not exist.

        If it cannot be read, that is `Manifest.unreadable`.
        """
        content = self._bucket.fetch(f"{id}/{_MANIFEST}")
        if content is None:
            return None
        try:
            end = end_of(content.data)
            if end.id != id:
                raise InvalidMessage(f"the manifest is about {shown(end.id)}")
        except InvalidMessage as error:
            log.error("treating %s as given up: %s", id, error)
            end = Manifest.unreadable(id)
        return Kept(end, content.generation)

    def manifest(self, id: str) -> Manifest | None:
        """Return the manifest of a job, None if it has not ended, or was deleted."""
        kept = self.read(id)
        return kept.end if kept and isinstance(kept.end, Manifest) else None

    def was_dropped(self, id: str) -> bool:
        """Return whether a sweep of an earlier version dropped the original."""
        return walks.exists(self._bucket, f"{id}/{_DROPPED}")

    def clear(self, id: str) -> int:
        """Delete everything but the manifest or tombstone; return the number of blobs."""
        names = [blob.name for blob in self._bucket.walk(f"{id}/")]
        return sum(self._bucket.delete(name) for name in names if name != f"{id}/{_MANIFEST}")

    def forget(self, kept: Kept) -> None:
        """Delete a tombstone, unless it was written again."""
        self._bucket.delete(f"{kept.end.id}/{_MANIFEST}", kept.version)

    def prune(self, manifest: Manifest, before: datetime) -> None:
        """Delete thumbnails that a manifest does not name, written before some time."""
        spared = {thumb.blob for thumb in manifest.thumbnails}
        spared |= {f"{manifest.id}/{name}" for name in _NO_THUMBNAILS}
        self.delete_older(
            manifest.id, before, lambda name: name in spared or name.endswith(wishes.SUFFIX)
        )

    def delete_older(
        self, id: str, before: datetime, is_spared: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Delete the results that were written before some time, except those that are spared."""
        for blob in self._bucket.walk(f"{id}/"):
            if isinstance(blob, Blob) and blob.updated < before and not is_spared(blob.name):
                self._bucket.delete(blob.name, blob.generation)

    def walk(self, within: Range, on_unread: Callable[[Unread], None]) -> Iterator[FoundResults]:
        """Yield the results of jobs by id.

        Args:
            within: the ids to yield.
            on_unread: called with what cannot be read; see `walks`.
        """
        blobs = walks.walk(
            *(self._bucket, on_unread, walks.HEXADECIMAL, ""),
            *(within.start, within.end or AFTER_IDS),
        )
        for id, group in groupby(blobs, lambda blob: blob.name.partition("/")[0]):
            yield _found(id, group)

    def list(self, id: str) -> FoundResults | None:
        """Return the results of a job, as in a walk; None if there are none."""
        blobs = [blob for blob in self._bucket.walk(f"{id}/") if isinstance(blob, Blob)]
        return _found(id, blobs) if blobs else None

    def find(self, id: str) -> FoundResults | None:
        """Return what tells how far a job is, None if there is nothing."""
        names = (_MANIFEST, ledger.COUNT)
        blobs = [blob for name in names if (blob := self._described(id, name))]
        if not blobs:
            return None
        found = _found(id, blobs)
        if found.gave_up and (note := self._described(id, ledger.GIVEN_UP)):
            return _found(id, [*blobs, note])
        return found

    def _described(self, id: str, name: str) -> Blob | None:
        """Return a blob of a job, None if it does not exist or cannot be read, as in a walk."""
        try:
            return self._bucket.stat(f"{id}/{name}")
        except InvalidMessage as error:
            log.warning("%s: %s", id, error)
            return None


_NO_THUMBNAILS = (_MANIFEST, _DROPPED, ledger.COUNT, ledger.GIVEN_UP)


def _about(end: Manifest | Tombstone) -> dict[str, str]:
    """Return the metadata of a manifest or tombstone."""
    about = notes.origin(end.name, end.generation)
    if isinstance(end, Tombstone):
        return {**about, _STATE: "deleted"}
    about[_COUNT] = str(len(end.thumbnails))
    if end.gave_up:
        about[_CODE] = GaveUp.code
    if end.dropped:
        about[_STATE] = "dropped"
    return about


def _found(id: str, blobs: Iterable[Blob]) -> FoundResults:
    found = {blob.name.partition("/")[2]: blob for blob in blobs}
    manifest, count = found.get(_MANIFEST), found.get(ledger.COUNT)
    about = manifest.metadata if manifest else {}
    wished = {name: blob for name, blob in found.items() if name.endswith(wishes.SUFFIX)}
    still = [b.updated for b in wished.values() if b.metadata.get(wishes.STATE) != wishes.OVER]
    thumbnails = len(found.keys() - wished.keys() - set(_NO_THUMBNAILS))
    origins = filter(None, (notes.origin_of(blob.metadata) for blob in found.values()))
    return FoundResults(
        id,
        max(blob.updated for blob in found.values()),
        manifest is not None,
        count.updated if count else None,
        about.get(_CODE) == GaveUp.code and ledger.GIVEN_UP not in found,
        manifest.updated if manifest and about.get(_STATE) == "deleted" else None,
        about.get(_STATE) == "dropped",
        len(found) - (manifest is not None),
        about.get(_COUNT, "").isdecimal() and thumbnails > int(about[_COUNT]),
        next(origins, None),
        max(still, default=None),
    )
