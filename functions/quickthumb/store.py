"""What is kept in which bucket, under which name: the only state there is."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import chain, groupby

from quickthumb.errors import InvalidMessage, Unavailable
from quickthumb.jobs import (
    ANNOUNCED,
    INCOMING,
    Job,
    Manifest,
    Rendition,
    id_of,
    is_folder,
    renditions_from,
)
from quickthumb.storage import Blob, Bucket

_IMMUTABLE = "public, max-age=31536000, immutable"
_CHANGING = "no-cache"

_MAX_FILENAME = 255
"""How much of a file name is kept, characters; all metadata together may have 8 KiB."""

_MANIFEST = "manifest.json"
_SWEEPS = "sweeps.json"
_DROPPED = "original-dropped"
_CURSOR = "sweep/cursor.json"

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
    """

    id: str
    updated: datetime
    ended: bool
    swept: datetime | None


@dataclass(frozen=True, slots=True)
class Sweeps:
    """How often a job was published again.

    Attributes:
        count: times.
        name: the blob of its original.
    """

    count: int
    name: str


class Store:
    """Originals and results of all jobs. Every method raises `Unavailable`."""

    def __init__(self, originals: Bucket, processed: Bucket) -> None:
        self._originals = originals
        self._processed = processed

    def keep_original(
        self,
        id: str,
        data: bytes,
        content_type: str,
        filename: str,
        renditions: tuple[Rendition, ...],
    ) -> Job:
        """Store an upload and return the job it is."""
        metadata = _metadata(filename, renditions)
        generation = self._originals.create(id, data, content_type, metadata)
        if generation is None:
            # The id is for this picture alone, so the blob is it: an earlier write arrived, and its
            # answer did not, or whoever wrote it had no time to go on.
            blob = self._originals.stat(id)
            if blob is None:
                raise Unavailable(f"original {id} vanished while it was stored")
            generation = blob.generation
        return Job(
            id,
            self._originals.name,
            id,
            generation,
            renditions,
            len(data),
            metadata["filename"],
        )

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
        metadata = _metadata(filename, renditions)
        return self._originals.begin(ANNOUNCED + id, size, content_type, metadata, origin)

    def job_of(self, blob: Blob, renditions: tuple[Rendition, ...]) -> Job:
        """Return the job that a blob of the originals is.

        Args:
            blob: put there by this service or by another program.
            renditions: what to make where the blob does not say.

        Raises:
            InvalidMessage: the blob says it in a way that cannot be read.
        """
        bucket = self._originals.name
        return Job(
            id_of(bucket, blob.name, blob.generation),
            bucket,
            blob.name,
            blob.generation,
            _requested(blob.metadata) or renditions,
            blob.size,
            blob.metadata.get("filename", blob.name.rpartition("/")[2]),
        )

    def read_request(self, job: Job, renditions: tuple[Rendition, ...]) -> Job | None:
        """Return a job with what its original asks for, None if that was deleted or replaced.

        Raises:
            InvalidMessage: it is of another bucket; or see `job_of`.
        """
        if job.bucket != self._originals.name:
            raise InvalidMessage(
                f"notification of the bucket {job.bucket}, expected {self._originals.name}"
            )
        blob = self._originals.stat(job.name)
        if blob is None or blob.generation != job.generation:
            return None
        return self.job_of(blob, renditions)

    def original(self, job: Job) -> bytes | None:
        """Return the picture of a job, None if it was deleted or replaced."""
        return self._originals.read(job.name, job.generation)

    def has_original(self, job: Job | Manifest) -> bool:
        """Tell whether the picture of a job is still there, and no other in its place."""
        blob = self._originals.stat(job.name)
        return blob is not None and blob.generation == job.generation

    def has_blob(self, name: str) -> bool:
        """Tell whether there is an original of that name, whichever version."""
        return self._originals.stat(name) is not None

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
        return self._processed.stat(f"{id}/{_DROPPED}") is not None

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

    def add_manifest(self, manifest: Manifest) -> Manifest:
        """Write the end of a job unless it has ended already; return how it ended."""
        name = _manifest_name(manifest.id)
        if self._processed.create(name, manifest.to_json(), "application/json", {}) is not None:
            return manifest
        return self.manifest(manifest.id) or manifest

    def manifest(self, id: str) -> Manifest | None:
        """Return the end of a job, None if it has not ended or never was."""
        body = self._processed.read(_manifest_name(id))
        return None if body is None else Manifest.from_json(body)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return how a job stands, None if there is none of that id."""
        manifest = self.manifest(id)
        if manifest:
            return manifest
        original = self._originals.stat(id) or self._originals.stat(ANNOUNCED + id)
        return Queued(_requested(original.metadata)) if original else None

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

    def walk_originals(self, start: str, default: tuple[Rendition, ...]) -> Iterator[Found]:
        """Walk over the originals by stem, from `start` on, page by page.

        What was sent to the bucket directly lies behind `incoming/` and is woven in, so that all
        that are named by their ids come in the order of ids.
        """
        own = self._originals.walk(start=start, end=_AFTER_IDS)
        announced = self._originals.walk(ANNOUNCED, start=ANNOUNCED + start)
        brought = chain(
            self._originals.walk(INCOMING, start=INCOMING + start, end=ANNOUNCED),
            self._originals.walk(INCOMING, start=max(INCOMING + start, _AFTER_ANNOUNCED)),
        )
        for blob in heapq.merge(own, announced, brought, key=_stem):
            if not is_folder(blob.name):
                yield self._found(blob, default)

    def _found(self, blob: Blob, default: tuple[Rendition, ...]) -> Found:
        try:
            return Found(self.job_of(blob, default), _stem(blob), blob.updated)
        except InvalidMessage as error:
            unreadable = replace(blob, metadata={})
            return Found(self.job_of(unreadable, default), _stem(blob), blob.updated, str(error))

    def walk_results(self, start: str) -> Iterator[Results]:
        """Walk over the results of all jobs by id, from `start` on, page by page."""
        blobs = self._processed.walk(start=start, end=_AFTER_IDS)
        for id, group in groupby(blobs, lambda blob: blob.name.partition("/")[0]):
            yield _results(id, group)

    def results(self, id: str) -> Results | None:
        """Return what there is of one job, None if there is nothing."""
        blobs = [
            blob
            for name in (_MANIFEST, _SWEEPS)
            if (blob := self._processed.stat(f"{id}/{name}")) is not None
        ]
        return _results(id, blobs) if blobs else None

    def sweeps(self, id: str) -> Sweeps | None:
        """Return how often a job was published again, None if it never was."""
        body = self._processed.read(f"{id}/{_SWEEPS}")
        return None if body is None else Sweeps(**json.loads(body))

    def put_sweeps(self, id: str, sweeps: Sweeps) -> None:
        """Note that a job is published again."""
        body = json.dumps(asdict(sweeps)).encode()
        self._processed.write(f"{id}/{_SWEEPS}", body, "application/json", _CHANGING)

    def drop_sweeps(self, id: str) -> None:
        """Forget how often a job was published again."""
        self._processed.delete(f"{id}/{_SWEEPS}")

    def drop_leftovers(self, id: str, before: datetime) -> None:
        """Delete what was written before some time for a job that nobody will end."""
        for blob in self._processed.walk(f"{id}/"):
            if blob.updated < before:
                self._processed.delete(blob.name, blob.generation)

    def cursor(self) -> str:
        """Return where the next sweep goes on, empty for the beginning."""
        body = self._processed.read(_CURSOR)
        return "" if body is None else str(json.loads(body)["next"])

    def put_cursor(self, cursor: str) -> None:
        """Note where the next sweep goes on."""
        body = json.dumps({"next": cursor}).encode()
        self._processed.write(_CURSOR, body, "application/json", _CHANGING)


def _stem(blob: Blob) -> str:
    return blob.name.removeprefix(ANNOUNCED).removeprefix(INCOMING)


def _results(id: str, blobs: Iterable[Blob]) -> Results:
    written = {blob.name.partition("/")[2]: blob.updated for blob in blobs}
    return Results(id, max(written.values()), _MANIFEST in written, written.get(_SWEEPS))


def _manifest_name(id: str) -> str:
    return f"{id}/{_MANIFEST}"


def _metadata(filename: str, renditions: tuple[Rendition, ...]) -> dict[str, str]:
    return {
        "filename": filename[:_MAX_FILENAME],
        "renditions": json.dumps([rendition.to_dict() for rendition in renditions]),
    }


def _requested(metadata: Mapping[str, str]) -> tuple[Rendition, ...]:
    """Return the thumbnails asked for; none for a picture that other means put into the bucket."""
    if "renditions" not in metadata:
        return ()
    try:
        return renditions_from(json.loads(metadata["renditions"]))
    except (TypeError, ValueError) as error:
        raise InvalidMessage(f"metadata of an original: {error}") from error
