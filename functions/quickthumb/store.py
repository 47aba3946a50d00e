"""What is kept in which bucket, under which name: the only state there is."""

import heapq
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from typing import Annotated

from msgspec import Meta, Struct, to_builtins

from quickthumb import walks
from quickthumb.documents import notes, untrusted
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import ANNOUNCED, INCOMING, blob_name, id_of, is_folder
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import GaveUp, InvalidMessage, Unavailable
from quickthumb.storage import Blob, Bucket, Unread

log = logging.getLogger(__name__)

_IMMUTABLE = "public, max-age=31536000, immutable"
_CHANGING = "no-cache"

_MANIFEST = "manifest.json"
_SWEEPS = "sweeps.json"
_GIVEN_UP = "given-up"
_DROPPED = "original-dropped"
_CURSOR = "sweep/cursor.json"

_MAX_SWEEPS = 1_000
"""A count above this was not written by any sweep."""

_AFTER_IDS = "g"
"""Greater than every id: what lies in a bucket beside the originals and results comes later."""

_AFTER_ANNOUNCED = ANNOUNCED.removesuffix("/") + "0"
"""The first name behind all that begin with `ANNOUNCED`: "0" follows "/"."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An accepted upload whose job has not ended.

    Attributes:
        renditions: the thumbnails that were asked for.
    """

    renditions: tuple[Rendition, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An original that a walk over the bucket met.

    Attributes:
        job: what it asks for.
        stem: its name without what stands before ids, by which the walk is ordered.
        updated: when it was written.
        fault: why nobody can tell what it asks for; None where that is clear.
    """

    job: Job
    stem: str
    updated: datetime
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """What there is of a job in the processed bucket.

    Attributes:
        id: of the upload.
        updated: when the newest blob was written.
        ended: whether there is a manifest.
        swept: when the job was last published again by a sweep; None if it never was.
        gave_up: whether the manifest says that the job was given up, and a sweep may try it again.
    """

    id: str
    updated: datetime
    ended: bool
    swept: datetime | None
    gave_up: bool = False


class Sweeps(Struct, frozen=True):
    """How often a job was published again.

    Attributes:
        count: times.
        name: the blob of its original.
    """

    count: Annotated[int, Meta(ge=0, le=_MAX_SWEEPS)]
    name: str


class _Cursor(Struct, frozen=True):
    next: str


class Store:
    """Originals and results of all jobs. Every method raises `Unavailable`."""

    def __init__(self, originals: Bucket, processed: Bucket) -> None:
        self._originals = originals
        self._processed = processed

    @property
    def bucket(self) -> str:
        """The name of the bucket of the originals."""
        return self._originals.name

    def check(self) -> None:
        """See that both buckets answer."""
        walks.check(self._originals)
        walks.check(self._processed)

    def keep_original(
        self,
        id: str,
        data: bytes,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
    ) -> Job:
        """Store an upload and return the job it is."""
        metadata = notes.written(filename, renditions)
        generation = self._originals.create(id, data, content_type, metadata)
        if generation is None:
            # The id is for this picture alone, so the blob is it: an earlier write arrived, and its
            # answer did not, or whoever wrote it had no time to go on.
            generation = self._generation(id)
        return Job(
            id,
            self._originals.name,
            id,
            generation,
            renditions,
            len(data),
            metadata["filename"],
        )

    def _generation(self, id: str) -> int:
        try:
            blob = self._originals.stat(id)
        except InvalidMessage as error:
            raise Unavailable(str(error)) from error
        if blob is None:
            raise Unavailable(f"original {id} vanished while it was stored")
        return blob.generation

    def expect_original(
        self,
        id: str,
        size: int,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
        origin: str | None,
    ) -> str:
        """Return the URL to which an upload may be sent, past this service; see `Bucket.begin`."""
        metadata = notes.written(filename, renditions)
        return self._originals.begin(ANNOUNCED + id, size, content_type, metadata, origin)

    def job_of(self, blob: Blob, renditions: tuple[Rendition, ...]) -> Job:
        """Return the job that a blob of the originals is.

        Args:
            blob: put there by this service or by another program.
            renditions: what to make where the blob does not say.

        Raises:
            InvalidMessage: the blob says it in a way that cannot be read.
        """
        filename, requested = notes.read(blob.metadata)
        if filename is None:
            filename = notes.cut(blob.name.rpartition("/")[2])
        blob_name(blob.name)
        return self._job(blob, requested or renditions, filename)

    def _job(self, blob: Blob, renditions: tuple[Rendition, ...], filename: str) -> Job:
        id = id_of(self.bucket, blob.name, blob.generation)
        return Job(id, self.bucket, blob.name, blob.generation, renditions, blob.size, filename)

    def read_request(self, job: Job, renditions: tuple[Rendition, ...]) -> Job | None:
        """Return a job with what its original asks for, None if that was deleted or replaced.

        Raises:
            InvalidMessage: see `job_of`.
        """
        blob = self._originals.stat(job.name)
        if blob is None or blob.generation != job.generation:
            return None
        return self.job_of(blob, renditions)

    def original(self, job: Job) -> bytes | None:
        """Return the picture of a job, None if it was deleted or replaced."""
        return self._originals.read(job.name, job.generation)

    def has_original(self, job: Job | Manifest) -> bool:
        """Tell whether the picture of a job is still there, and no other in its place.

        One of which nothing can be read counts as that picture: nothing is deleted for its sake.
        """
        try:
            blob = self._originals.stat(job.name)
        except InvalidMessage:
            return True
        return blob is not None and blob.generation == job.generation

    def has_blob(self, name: str) -> bool:
        """Tell whether there is an original of that name, whichever version."""
        return _is_there(self._originals, name)

    def drop_original(self, id: str) -> None:
        """Delete an upload that was not accepted after all."""
        self._originals.delete(id)

    def drop_done(self, job: Job) -> None:
        """Delete the original of a job that is done and stays so.

        That is noted first, since to `resize` a missing original means that its user deleted it.
        """
        self._processed.create(f"{job.id}/{_DROPPED}", b"", "text/plain", {})
        self._originals.delete(job.name, job.generation)

    def was_dropped(self, id: str) -> bool:
        """Tell whether an original is not there because its job is done."""
        return _is_there(self._processed, f"{id}/{_DROPPED}")

    def put_thumbnail(self, blob: str, data: bytes, content_type: str) -> None:
        """Write a thumbnail under the name that its manifest will give."""
        self._processed.write(blob, data, content_type, _IMMUTABLE)

    def thumbnail(self, blob: str) -> bytes | None:
        """Return a thumbnail, None if it was deleted."""
        return self._processed.read(blob)

    def put_manifest(self, manifest: Manifest) -> None:
        """Write the end of a job: from now on it is done or failed."""
        self._processed.write(
            _manifest_name(manifest.id), manifest.to_json(), "application/json", _CHANGING
        )

    def give_up(self, manifest: Manifest) -> Manifest:
        """Write that a job was given up, unless it has ended already; return how it ended.

        The metadata of the manifest say so too, for `walk_results` to see.
        """
        name, noted = _manifest_name(manifest.id), {"code": GaveUp.code}
        body = manifest.to_json()
        if self._processed.create(name, body, "application/json", noted) is not None:
            return manifest
        found = self.manifest(manifest.id)
        return manifest if found is None or found == Manifest.unreadable(manifest.id) else found

    def manifest(self, id: str) -> Manifest | None:
        """Return the end of a job, None if it has not ended or never was.

        Where it cannot be read, it is `Manifest.unreadable`.
        """
        body = self._processed.read(_manifest_name(id))
        if body is None:
            return None
        try:
            return Manifest.from_json(body)
        except InvalidMessage as error:
            log.error("%s counts as given up: %s", id, error)
            return Manifest.unreadable(id)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return how a job stands, None if there is none of that id."""
        manifest = self.manifest(id)
        if manifest:
            return manifest
        try:
            original = self._originals.stat(id) or self._originals.stat(ANNOUNCED + id)
            return Queued(notes.read(original.metadata)[1]) if original else None
        except InvalidMessage:
            return Queued(())  # until it ends as failed, nobody knows what was asked for

    def delete(self, id: str) -> bool:
        """Delete all that is kept of an upload; tell whether there was anything.

        The original goes first: a `resize` that is at work now finds it gone and cleans up. The
        manifest goes last: an interrupted call can be made again.
        """
        found = [self._originals.delete(name) for name in (id, ANNOUNCED + id)]
        manifest = self.manifest(id)
        if manifest is None and not any(found):
            # Whoever guesses ids, or repeats one, costs these three calls and no listing.
            return False
        # What another program wrote it may have written again since: that is another upload.
        if manifest and self.has_original(manifest):
            self._originals.delete(manifest.name, manifest.generation)
        self.delete_results(id)
        return True

    def delete_results(self, id: str) -> None:
        """Delete the thumbnails and then the manifest."""
        names = [blob.name for blob in self._processed.walk(f"{id}/")]
        for name in sorted(names, key=_manifest_name(id).__eq__):
            self._processed.delete(name)

    def walk_originals(
        self, start: str, default: tuple[Rendition, ...], tell: Callable[[Unread], None]
    ) -> Iterator[Found]:
        """Walk over the originals by stem, from `start` on, page by page.

        What was sent to the bucket directly lies behind `incoming/` and is woven in, so that all
        that are named by their ids come in the order of ids.

        Args:
            start: the first stem that may come.
            default: what to make of a picture that asks for nothing.
            tell: is told of what cannot be read; see `walks`.
        """

        def walk(letters: str, prefix: str, start: str, end: str = "") -> Iterator[Blob]:
            return walks.walk(self._originals, tell, letters, prefix, start, end)

        own = walk(walks.HEXADECIMAL, "", start, _AFTER_IDS)
        announced = walk(walks.HEXADECIMAL, ANNOUNCED, ANNOUNCED + start)
        brought = chain(
            walk(walks.PRINTABLE, INCOMING, INCOMING + start, ANNOUNCED),
            walk(walks.PRINTABLE, INCOMING, max(INCOMING + start, _AFTER_ANNOUNCED)),
        )
        for blob in heapq.merge(own, announced, brought, key=_stem):
            if not is_folder(blob.name):
                yield self._found(blob, default)

    def _found(self, blob: Blob, default: tuple[Rendition, ...]) -> Found:
        try:
            return Found(self.job_of(blob, default), _stem(blob), blob.updated)
        except InvalidMessage as error:
            return Found(self._job(blob, default, ""), _stem(blob), blob.updated, str(error))

    def walk_results(self, start: str, tell: Callable[[Unread], None]) -> Iterator[Results]:
        """Walk over the results of all jobs by id, from `start` on, page by page.

        Args:
            start: the first id that may come.
            tell: is told of what cannot be read; see `walks`.
        """
        blobs = walks.walk(self._processed, tell, walks.HEXADECIMAL, "", start, _AFTER_IDS)
        for id, group in groupby(blobs, lambda blob: blob.name.partition("/")[0]):
            yield _results(id, group)

    def results(self, id: str) -> Results | None:
        """Return what there is of one job, None if there is nothing."""
        blobs = [blob for name in (_MANIFEST, _SWEEPS) if (blob := self._result(id, name))]
        if not blobs:
            return None
        found = _results(id, blobs)
        if found.gave_up and (note := self._result(id, _GIVEN_UP)):
            return _results(id, [*blobs, note])
        return found

    def _result(self, id: str, name: str) -> Blob | None:
        """Return a blob beside the thumbnails; one that cannot be read is none, as in a walk."""
        try:
            return self._processed.stat(f"{id}/{name}")
        except InvalidMessage as error:
            log.warning("%s: %s", id, error)
            return None

    def sweeps(self, id: str) -> Sweeps | None:
        """Return how often a job was published again, None if it never was.

        A count that cannot be read is none. That feeds no loop: the next one is written over it.
        """
        body = self._processed.read(f"{id}/{_SWEEPS}")
        if body is None:
            return None
        try:
            sweeps = untrusted.read(Sweeps, body)
            blob_name(sweeps.name)
            return sweeps
        except InvalidMessage as error:
            log.warning("the count of %s begins anew: %s", id, error)
            return None

    def put_sweeps(self, id: str, sweeps: Sweeps) -> None:
        """Note that a job is published again."""
        body = json.dumps(to_builtins(sweeps)).encode()
        self._processed.write(f"{id}/{_SWEEPS}", body, "application/json", _CHANGING)

    def drop_sweeps(self, id: str) -> None:
        """Forget how often a job was published again."""
        self._processed.delete(f"{id}/{_SWEEPS}")

    def leave_given_up(self, id: str) -> None:
        """Note that a job that was given up is not to be published again."""
        self._processed.create(f"{id}/{_GIVEN_UP}", b"", "text/plain", {})
        self.drop_sweeps(id)

    def drop_leftovers(self, id: str, before: datetime) -> None:
        """Delete what was written before some time for a job that nobody will end."""
        for blob in self._processed.walk(f"{id}/"):
            if isinstance(blob, Blob) and blob.updated < before:
                self._processed.delete(blob.name, blob.generation)

    def cursor(self) -> str:
        """Return where the next sweep goes on, empty for the beginning.

        One that cannot be read is the beginning: from there, a sweep comes past everything.
        """
        body = self._processed.read(_CURSOR)
        if body is None:
            return ""
        try:
            return untrusted.read(_Cursor, body).next
        except InvalidMessage as error:
            log.warning("the sweep begins at the beginning: %s: %s", _CURSOR, error)
            return ""

    def put_cursor(self, cursor: str) -> None:
        """Note where the next sweep goes on."""
        body = json.dumps(to_builtins(_Cursor(cursor))).encode()
        self._processed.write(_CURSOR, body, "application/json", _CHANGING)


def _is_there(bucket: Bucket, name: str) -> bool:
    try:
        return bucket.stat(name) is not None
    except InvalidMessage:
        return True


def _stem(blob: Blob) -> str:
    return blob.name.removeprefix(ANNOUNCED).removeprefix(INCOMING)


def _results(id: str, blobs: Iterable[Blob]) -> Results:
    found = {blob.name.partition("/")[2]: blob for blob in blobs}
    manifest, sweeps = found.get(_MANIFEST), found.get(_SWEEPS)
    return Results(
        id,
        max(blob.updated for blob in found.values()),
        manifest is not None,
        sweeps.updated if sweeps else None,
        manifest is not None
        and manifest.metadata.get("code") == GaveUp.code
        and _GIVEN_UP not in found,
    )


def _manifest_name(id: str) -> str:
    return f"{id}/{_MANIFEST}"
