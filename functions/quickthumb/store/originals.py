"""The bucket of originals: uploaded pictures and the thumbnails they request."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from msgspec.structs import replace

from quickthumb.buckets import Blob, Bucket, Unread
from quickthumb.documents import notes
from quickthumb.documents.job import Job
from quickthumb.documents.metadata import Metadata
from quickthumb.documents.names import (
    AFTER_IDS,
    ANNOUNCED,
    INCOMING,
    Range,
    blob_name,
    id_of,
    is_folder,
    is_named_by_id,
)
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import InvalidMessage, Unavailable
from quickthumb.store import walks

_AFTER_ANNOUNCED = ANNOUNCED.removesuffix("/") + "0"
"""Sorts after all names that begin with `ANNOUNCED`: "0" follows "/"."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An accepted upload whose job has not ended.

    Attributes:
        renditions: the requested thumbnails.
        metadata: of the application.
    """

    renditions: tuple[Rendition, ...]
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundOriginal:
    """An original found in a listing.

    Attributes:
        job: its job.
        stem: sort key: its name without the prefix of its folder.
        updated: when it was written.
        fault: why its metadata cannot be read; None if they can.
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
        metadata: Metadata | None = None,
    ) -> Job:
        """Store an upload and return its job."""
        written = notes.written(filename, renditions, metadata)
        generation = self._bucket.create(id, data, content_type, written)
        if generation is None:
            # The id is unique, so this is the same picture: an earlier attempt wrote it, but its
            # response was lost or its process died.
            try:
                blob = self._bucket.stat(id)
            except InvalidMessage as error:
                raise Unavailable(str(error)) from error
            if blob is None:
                raise Unavailable(f"original {id} was deleted while it was stored")
            generation = blob.generation
        about = (renditions, len(data), written["filename"], metadata or {})
        return Job(id, self.bucket, id, generation, *about)

    def expect(
        self,
        id: str,
        size: int,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
        origin: str | None,
        metadata: Metadata | None = None,
    ) -> str:
        """Return the URL of a resumable upload; see `Bucket.begin`."""
        written = notes.written(filename, renditions, metadata)
        return self._bucket.begin(ANNOUNCED + id, size, content_type, written, origin)

    def queued(self, id: str) -> Queued | None:
        """Return the request of an upload whose job has not ended, None if it does not exist."""
        try:
            blob = self._bucket.stat(id) or self._bucket.stat(ANNOUNCED + id)
            if blob is None:
                return None
            about = notes.read(blob.metadata)
            return Queued(about.renditions, about.metadata)
        except InvalidMessage:
            return Queued(())  # unknown until the job fails

    def waiting(self, id: str, default: tuple[Rendition, ...]) -> Job | None:
        """Return the job of an upload that has not ended, None if it does not exist.

        Raises:
            InvalidMessage: see `job_of`.
        """
        blob = self._bucket.stat(id) or self._bucket.stat(ANNOUNCED + id)
        return self.job_of(blob, default) if blob else None

    def named_by_id(self, id: str) -> str | None:
        """Return the name of the original that an id tells, None if it does not exist."""
        names = (id, ANNOUNCED + id)
        return next((name for name in names if walks.exists(self._bucket, name)), None)

    def job_of(self, blob: Blob, default: tuple[Rendition, ...]) -> Job:
        """Return the job of an original.

        Args:
            blob: the original, written by this service or another program.
            default: thumbnails for an original that requests none.

        Raises:
            InvalidMessage: its metadata cannot be read.
        """
        filename, requested, metadata = notes.read(blob.metadata)
        if filename is None:
            filename = notes.cut(blob.name.rpartition("/")[2])
        blob_name(blob.name)
        return self._job(blob, requested or default, filename, metadata)

    def _job(
        self, blob: Blob, renditions: tuple[Rendition, ...], filename: str, metadata: Metadata
    ) -> Job:
        id = id_of(self.bucket, blob.name, blob.generation)
        about = (renditions, blob.size, filename, metadata)
        return Job(id, self.bucket, blob.name, blob.generation, *about)

    def requested(self, job: Job, default: tuple[Rendition, ...]) -> Job | None:
        """Return a job with its renditions, None if the original was deleted or replaced.

        Raises:
            InvalidMessage: see `job_of`.
        """
        blob = self._bucket.stat(job.name)
        if blob is None or blob.generation != job.generation:
            return None
        return self.job_of(blob, default)

    def read(self, job: Job) -> bytes | None:
        """Return the original of a job, None if it was deleted or replaced."""
        return self._bucket.read(job.name, job.generation)

    def current(self, job: Job) -> Job | None:
        """Return a job with its metadata, None if the original was deleted or replaced.

        It is taken to exist if its description cannot be read, so that nothing is deleted by
        mistake.
        """
        try:
            blob = self._bucket.stat(job.name)
        except InvalidMessage:
            return job
        if blob is None or blob.generation != job.generation:
            return None
        return replace(job, metadata=notes.metadata_of(blob.metadata))

    def has(self, id: str, name: str) -> bool:
        """Return whether the original of an upload still exists.

        If its name tells its id, in any generation: another attempt may have stored it again. If a
        description cannot be read, this is assumed, so that nothing is deleted by mistake.

        Args:
            id: of the upload.
            name: of the original.
        """
        names = (id, ANNOUNCED + id) if is_named_by_id(id, name) else (name,)
        return any(self._holds(each, id) for each in names)

    def _holds(self, name: str, id: str) -> bool:
        """Return whether the current blob of that name is the original of an upload."""
        try:
            blob = self._bucket.stat(name)
        except InvalidMessage:
            return True
        return blob is not None and id_of(self.bucket, name, blob.generation) == id

    def exists(self, name: str) -> bool:
        """Return whether there is an original of that name, in any generation."""
        return walks.exists(self._bucket, name)

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete an original, or only that generation; return whether it existed."""
        return self._bucket.delete(name, generation)

    def walk(
        self, within: Range, default: tuple[Rendition, ...], on_unread: Callable[[Unread], None]
    ) -> Iterator[FoundOriginal]:
        """Yield the originals by stem.

        Those below `incoming/` are merged in, so that all originals named by ids are in the order
        of ids.

        Args:
            within: the stems to yield. If this has an end, those that are not named by ids are
                left out.
            default: thumbnails for an original that requests none.
            on_unread: called with what cannot be read; see `walks`.
        """
        start, end = within.start, within.end

        def walk(letters: str, prefix: str, start: str, end: str = "") -> Iterator[Blob]:
            return walks.walk(self._bucket, on_unread, letters, prefix, start, end)

        own = walk(walks.HEXADECIMAL, "", start, end or AFTER_IDS)
        announced = walk(
            walks.HEXADECIMAL, ANNOUNCED, ANNOUNCED + start, ANNOUNCED + end if end else ""
        )
        brought: Iterator[Blob] = iter(())
        if not end:
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
            job = self._job(blob, default, "", notes.metadata_of(blob.metadata))
            return FoundOriginal(job, _stem(blob), blob.updated, str(error))


def _stem(blob: Blob) -> str:
    return blob.name.removeprefix(ANNOUNCED).removeprefix(INCOMING)
