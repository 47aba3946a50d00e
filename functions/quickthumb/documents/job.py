"""The message that asks `resize` for thumbnails, and its JSON."""

import json
from dataclasses import dataclass
from typing import Self

from quickthumb.documents import untrusted
from quickthumb.documents.names import blob_name, id_of
from quickthumb.documents.rendition import Rendition, renditions_from
from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage

SCHEMA = "1"
"""Version of the job message and of the manifest, kept in the message attribute `schema`."""

MAX_FILENAME = 255
"""How much of a file name is kept, characters."""


@dataclass(frozen=True, slots=True)
class Job:
    """What `upload` asks of `resize`: these thumbnails of this original.

    Attributes:
        id: the upload.
        bucket: the bucket of the original.
        name: the blob of the original.
        generation: the version of that blob, given by Cloud Storage.
        renditions: the thumbnails to make; empty where the original itself has to tell.
        size: of that blob, bytes.
        filename: as the sender calls the picture, empty if not at all.
    """

    id: str
    bucket: str
    name: str
    generation: int
    renditions: tuple[Rendition, ...]
    size: int = 0
    filename: str = ""

    def to_json(self) -> bytes:
        """Return the body of the message."""
        return json.dumps(
            {
                "id": self.id,
                "bucket": self.bucket,
                "name": self.name,
                "generation": self.generation,
                "renditions": [rendition.to_dict() for rendition in self.renditions],
                "size": self.size,
                "filename": self.filename,
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the body of a message.

        Raises:
            InvalidMessage: it is no job of this schema.
        """
        document = untrusted.load_object(body)
        try:
            job = cls(
                id=untrusted.text(document, "id"),
                bucket=untrusted.text(document, "bucket"),
                name=blob_name(untrusted.text(document, "name")),
                generation=untrusted.whole(document, "generation", 1),
                renditions=renditions_from(document.get("renditions")),
                size=untrusted.whole(document, "size", 0, default=0),
                filename=untrusted.text(document, "filename", "")[:MAX_FILENAME],
            )
        except InvalidMessage as error:
            raise InvalidMessage(f"message is no job: {error}") from error
        if job.id != id_of(job.bucket, job.name, job.generation):
            raise InvalidMessage(
                f"message is no job: {shown(job.id)} is not the id of {shown(job.name)}"
            )
        return job

    def within(self, bucket: str) -> Self:
        """Return the job, if it is about this bucket, which is the only one that we read.

        Its id follows from the bucket that it names: from that of another bucket somebody else may
        have chosen it.

        Raises:
            InvalidMessage: it names another bucket.
        """
        if self.bucket != bucket:
            raise InvalidMessage(
                f"job names bucket {shown(self.bucket)}; this service keeps originals in {bucket!r}"
            )
        return self
