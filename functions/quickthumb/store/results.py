"""The bucket of results: thumbnails and manifests."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from quickthumb.buckets import Blob, Bucket, Unread
from quickthumb.documents.manifest import Manifest
from quickthumb.problems import GaveUp, InvalidMessage
from quickthumb.store import ledger, walks

log = logging.getLogger(__name__)

_IMMUTABLE = "public, max-age=31536000, immutable"
_CHANGING = "no-cache"

_MANIFEST = "manifest.json"
_DROPPED = "original-dropped"


@dataclass(frozen=True, slots=True)
class FoundResults:
    """The results of a job, found in a listing.

    Attributes:
        id: of the upload.
        updated: when the newest blob was written.
        ended: whether there is a manifest.
        swept: when a sweep last published the job again; None if never.
        gave_up: whether the job was given up, but may be retried by a sweep.
    """

    id: str
    updated: datetime
    ended: bool
    swept: datetime | None
    gave_up: bool = False


class Results:
    """The results of all jobs. Every method raises `Unavailable`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put_thumbnail(self, blob: str, data: bytes, content_type: str) -> None:
        """Write a thumbnail, before its manifest."""
        self._bucket.write(blob, data, content_type, _IMMUTABLE)

    def thumbnail(self, blob: str) -> bytes | None:
        """Return a thumbnail, None if it was deleted."""
        return self._bucket.read(blob)

    def put_manifest(self, manifest: Manifest) -> None:
        """Write the manifest of a job, which ends it."""
        name, body = f"{manifest.id}/{_MANIFEST}", manifest.to_json()
        self._bucket.write(name, body, "application/json", _CHANGING)

    def give_up(self, manifest: Manifest) -> Manifest:
        """Write the manifest of a job that was given up, unless there is one; return the manifest.

        The code is repeated in its metadata, for `walk`.
        """
        name, metadata = f"{manifest.id}/{_MANIFEST}", {"code": GaveUp.code}
        body = manifest.to_json()
        if self._bucket.create(name, body, "application/json", metadata) is not None:
            return manifest
        found = self.manifest(manifest.id)
        return manifest if found is None or found == Manifest.unreadable(manifest.id) else found

    def manifest(self, id: str) -> Manifest | None:
        """Return the manifest of a job, None if the job has not ended or does not exist.

        If it cannot be read, that is `Manifest.unreadable`.
        """
        body = self._bucket.read(f"{id}/{_MANIFEST}")
        if body is None:
            return None
        try:
            return Manifest.from_json(body)
        except InvalidMessage as error:
            log.error("treating %s as given up: %s", id, error)
            return Manifest.unreadable(id)

    def note_dropped(self, id: str) -> None:
        """Record that a sweep deletes the original, because the job is done."""
        self._bucket.create(f"{id}/{_DROPPED}", b"", "text/plain", {})

    def was_dropped(self, id: str) -> bool:
        """Return whether a sweep deleted the original."""
        return walks.exists(self._bucket, f"{id}/{_DROPPED}")

    def delete(self, id: str) -> None:
        """Delete the thumbnails, then the manifest."""
        names = [blob.name for blob in self._bucket.walk(f"{id}/")]
        for name in sorted(names, key=f"{id}/{_MANIFEST}".__eq__):
            self._bucket.delete(name)

    def delete_older(self, id: str, before: datetime) -> None:
        """Delete the results that were written before some time."""
        for blob in self._bucket.walk(f"{id}/"):
            if isinstance(blob, Blob) and blob.updated < before:
                self._bucket.delete(blob.name, blob.generation)

    def walk(self, start: str, on_unread: Callable[[Unread], None]) -> Iterator[FoundResults]:
        """Yield the results of all jobs by id.

        Args:
            start: the first id to yield, inclusive.
            on_unread: called with what cannot be read; see `walks`.
        """
        blobs = walks.walk(self._bucket, on_unread, walks.HEXADECIMAL, "", start, walks.AFTER_IDS)
        for id, group in groupby(blobs, lambda blob: blob.name.partition("/")[0]):
            yield _found(id, group)

    def find(self, id: str) -> FoundResults | None:
        """Return the results of a job, None if there are none."""
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


def _found(id: str, blobs: Iterable[Blob]) -> FoundResults:
    found = {blob.name.partition("/")[2]: blob for blob in blobs}
    manifest, count = found.get(_MANIFEST), found.get(ledger.COUNT)
    return FoundResults(
        id,
        max(blob.updated for blob in found.values()),
        manifest is not None,
        count.updated if count else None,
        manifest is not None
        and manifest.metadata.get("code") == GaveUp.code
        and ledger.GIVEN_UP not in found,
    )
