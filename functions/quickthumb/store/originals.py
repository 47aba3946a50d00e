"""The bucket of originals: what was uploaded, and what each picture asks for."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from quickthumb.buckets import Blob, Bucket, Unread
from quickthumb.documents import notes
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import ANNOUNCED, INCOMING, blob_name, id_of, is_folder
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import InvalidMessage, Unavailable
from quickthumb.store import walks

_AFTER_ANNOUNCED = ANNOUNCED.removesuffix("/") + "0"
"""The first name behind all that begin with `ANNOUNCED`: "0" follows "/"."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An accepted upload whose job has not ended.

    Attributes:
        renditions: the requested thumbnails.
    """

    renditions: tuple[Rendition, ...]


@dataclass(frozen=True, slots=True)
class FoundOriginal:
    """An original that a walk over the bucket met.

    Attributes:
        job: what it asks for.
        stem: its name without the prefix of its folder, by which the walk is ordered.
        updated: when it was written.
        fault: why its request cannot be read; None where it can.
    """

    job: Job
    stem: str
    updated: datetime
    fault: str | None = None


class Originals:
    """The originals of all uploads. Every method raises `Unavailable`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self._bucket.name

    def keep(
        self,
        id: str,
        data: bytes,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
    ) -> Job:
        """Store an upload and return its job."""
        metadata = notes.written(filename, renditions)
        generation = self._bucket.create(id, data, content_type, metadata)
        if generation is None:
            # The id is for this picture alone, so this is it: an earlier write succeeded, and its
            # answer was lost, or the process ended before it went on.
            generation = self._generation(id)
        return Job(id, self.bucket, id, generation, renditions, len(data), metadata["filename"])

    def _generation(self, id: str) -> int:
        try:
            blob = self._bucket.stat(id)
        except InvalidMessage as error:
            raise Unavailable(str(error)) from error
        if blob is None:
            raise Unavailable(f"original {id} vanished while it was stored")
        return blob.generation

    def expect(
        self,
        id: str,
        size: int,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
        origin: str | None,
    ) -> str:
        """Return the URL to which an upload may be sent directly; see `Bucket.begin`."""
        metadata = notes.written(filename, renditions)
        return self._bucket.begin(ANNOUNCED + id, size, content_type, metadata, origin)

    def queued(self, id: str) -> Queued | None:
        """Return what an upload asks for whose job has not ended, None if it is not there."""
        try:
            blob = self._bucket.stat(id) or self._bucket.stat(ANNOUNCED + id)
            return Queued(notes.read(blob.metadata)[1]) if blob else None
        except InvalidMessage:
            return Queued(())  # until it ends as failed, nobody knows what was asked for

    def job_of(self, blob: Blob, default: tuple[Rendition, ...]) -> Job:
        """Return the job of an original.

        Args:
            blob: the original, written by this service or by another program.
            default: the thumbnails to make where the original does not say.

        Raises:
            InvalidMessage: what it asks for cannot be read.
        """
        filename, requested = notes.read(blob.metadata)
        if filename is None:
            filename = notes.cut(blob.name.rpartition("/")[2])
        blob_name(blob.name)
        return self._job(blob, requested or default, filename)

    def _job(self, blob: Blob, renditions: tuple[Rendition, ...], filename: str) -> Job:
        id = id_of(self.bucket, blob.name, blob.generation)
        return Job(id, self.bucket, blob.name, blob.generation, renditions, blob.size, filename)

    def requested(self, job: Job, default: tuple[Rendition, ...]) -> Job | None:
        """Return a job with what its original asks for, None if that was deleted or replaced.

        Raises:
            InvalidMessage: see `job_of`.
        """
        blob = self._bucket.stat(job.name)
        if blob is None or blob.generation != job.generation:
            return None
        return self.job_of(blob, default)

    def read(self, job: Job) -> bytes | None:
        """Return the picture of a job, None if it was deleted or replaced."""
        return self._bucket.read(job.name, job.generation)

    def is_current(self, job: Job | Manifest) -> bool:
        """Return whether the picture of a job is still there, not deleted or replaced.

        One that cannot be described counts as that picture: nothing is deleted on its account.
        """
        try:
            blob = self._bucket.stat(job.name)
        except InvalidMessage:
            return True
        return blob is not None and blob.generation == job.generation

    def exists(self, name: str) -> bool:
        """Return whether there is an original with that name, whichever generation."""
        return walks.exists(self._bucket, name)

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete an original, or only that generation of it; return whether it was there."""
        return self._bucket.delete(name, generation)

    def walk(
        self, start: str, default: tuple[Rendition, ...], tell: Callable[[Unread], None]
    ) -> Iterator[FoundOriginal]:
        """Walk over the originals by stem, from `start` on, page by page.

        What was sent to the bucket directly lies behind `incoming/` and is merged in, so that all
        that are named by their ids come in the order of ids.

        Args:
            start: the first stem that may come.
            default: the thumbnails of a picture that asks for none.
            tell: is told of what cannot be read; see `walks`.
        """

        def walk(letters: str, prefix: str, start: str, end: str = "") -> Iterator[Blob]:
            return walks.walk(self._bucket, tell, letters, prefix, start, end)

        own = walk(walks.HEXADECIMAL, "", start, walks.AFTER_IDS)
        announced = walk(walks.HEXADECIMAL, ANNOUNCED, ANNOUNCED + start)
        brought = chain(
            walk(walks.PRINTABLE, INCOMING, INCOMING + start, ANNOUNCED),
            walk(walks.PRINTABLE, INCOMING, max(INCOMING + start, _AFTER_ANNOUNCED)),
        )
        for blob in heapq.merge(own, announced, brought, key=_stem):
            if not is_folder(blob.name):
                yield self._found(blob, default)

    def _found(self, blob: Blob, default: tuple[Rendition, ...]) -> FoundOriginal:
        try:
            return FoundOriginal(self.job_of(blob, default), _stem(blob), blob.updated)
        except InvalidMessage as error:
            job = self._job(blob, default, "")
            return FoundOriginal(job, _stem(blob), blob.updated, str(error))


def _stem(blob: Blob) -> str:
    return blob.name.removeprefix(ANNOUNCED).removeprefix(INCOMING)
