"""What is kept in which bucket, under which name: the only state there is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from quickthumb.errors import InvalidMessage, Unavailable
from quickthumb.jobs import INCOMING, Arrival, Job, Manifest, Rendition, id_of, renditions_from
from quickthumb.storage import Blob, Bucket

_IMMUTABLE = "public, max-age=31536000, immutable"
_CHANGING = "no-cache"

_MAX_FILENAME = 255
"""How much of a file name is kept, characters; all metadata together may have 8 KiB."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An accepted upload whose job has not ended.

    Attributes:
        renditions: the thumbnails that were asked for.
    """

    renditions: tuple[Rendition, ...]


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
        generation = self._originals.create(id, data, content_type, _metadata(filename, renditions))
        if generation is None:
            # The id is new, so the blob is ours: its first write arrived, the answer did not.
            blob = self._originals.stat(id)
            if blob is None:
                raise Unavailable(f"original {id} vanished while it was stored")
            generation = blob.generation
        return Job(id, self._originals.name, id, generation, renditions, len(data))

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
        )

    def arrived(self, arrival: Arrival, renditions: tuple[Rendition, ...]) -> Job | None:
        """Return the job that an arrival asks for, None if that blob was deleted or replaced.

        Raises:
            InvalidMessage: it is of another bucket; or see `job_of`.
        """
        if arrival.bucket != self._originals.name:
            raise InvalidMessage(
                f"notification of the bucket {arrival.bucket}, expected {self._originals.name}"
            )
        blob = self._originals.stat(arrival.name)
        if blob is None or blob.generation != arrival.generation:
            return None
        return self.job_of(blob, renditions)

    def original(self, job: Job) -> bytes | None:
        """Return the picture of a job, None if it was deleted or replaced."""
        return self._originals.read(job.name, job.generation)

    def has_original(self, job: Job | Manifest) -> bool:
        """Tell whether the picture of a job is still there, and no other in its place."""
        blob = self._originals.stat(job.name)
        return blob is not None and blob.generation == job.generation

    def drop_original(self, id: str) -> None:
        """Delete an upload that was not accepted after all."""
        self._originals.delete(id)

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

    def manifest(self, id: str) -> Manifest | None:
        """Return the end of a job, None if it has not ended or never was."""
        body = self._processed.read(_manifest_name(id))
        return None if body is None else Manifest.from_json(body)

    def status(self, id: str) -> Manifest | Queued | None:
        """Return how a job stands, None if there is none of that id."""
        manifest = self.manifest(id)
        if manifest:
            return manifest
        original = self._originals.stat(id) or self._originals.stat(INCOMING + id)
        return Queued(_requested(original.metadata)) if original else None

    def delete(self, id: str) -> bool:
        """Delete all that is kept of an upload; tell whether there was anything.

        The original goes first: a `resize` that is at work now finds it gone and cleans up. The
        manifest goes last: an interrupted call can be made again.
        """
        found = [self._originals.delete(name) for name in (id, INCOMING + id)]
        manifest = self.manifest(id)
        # What another program wrote it may have written again since: that is another upload.
        if manifest and self.has_original(manifest):
            found.append(self._originals.delete(manifest.name, manifest.generation))
        return self.delete_results(id) or any(found)

    def delete_results(self, id: str) -> bool:
        """Delete the thumbnails and then the manifest; tell whether there was anything."""
        manifest = _manifest_name(id)
        found = False
        for blob in self._processed.walk(f"{id}/"):
            if blob.name != manifest:
                found = self._processed.delete(blob.name) or found
        return self._processed.delete(manifest) or found


def _manifest_name(id: str) -> str:
    return f"{id}/manifest.json"


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
