"""The message that asks `resize` for thumbnails, and its JSON."""

import json
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.names import blob_name, id_of
from quickthumb.documents.rendition import MAX_LISTED, Rendition
from quickthumb.documents.untrusted import MAX_WHOLE, shown
from quickthumb.problems import InvalidMessage

SCHEMA = "1"
"""Version of the job message and of the manifest, kept in the message attribute `schema`."""

MAX_FILENAME = 255
"""The longest file name that is kept, characters."""


class Job(msgspec.Struct, frozen=True):
    """What `upload` asks of `resize`: these thumbnails of this original.

    Attributes:
        id: the upload.
        bucket: the bucket of the original.
        name: the blob of the original.
        generation: the version of that blob, given by Cloud Storage.
        renditions: the thumbnails to make; empty if they are noted on the original.
        size: of that blob, bytes.
        filename: the name that came with the picture, or empty.
    """

    id: str
    bucket: str
    name: str
    generation: Annotated[int, Meta(ge=1, le=MAX_WHOLE)]
    renditions: Annotated[tuple[Rendition, ...], Meta(min_length=1, max_length=MAX_LISTED)]
    size: Annotated[int, Meta(ge=0, le=MAX_WHOLE)] = 0
    filename: str = ""

    def to_json(self) -> bytes:
        """Return the body of the message."""
        return json.dumps(msgspec.to_builtins(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the body of a message.

        Raises:
            InvalidMessage: it is not a job of this schema.
        """
        try:
            job = untrusted.read(cls, body)
            blob_name(job.name)
        except InvalidMessage as error:
            raise InvalidMessage(f"message is no job: {error}") from error
        if job.id != id_of(job.bucket, job.name, job.generation):
            raise InvalidMessage(
                f"message is no job: {shown(job.id)} is not the id of {shown(job.name)}"
            )
        return msgspec.structs.replace(job, filename=job.filename[:MAX_FILENAME])

    def within(self, bucket: str) -> Self:
        """Return the job if it is in this bucket, the only one that we read.

        The id of a job follows from its bucket, so in another bucket somebody could choose it.

        Raises:
            InvalidMessage: it names another bucket.
        """
        if self.bucket != bucket:
            raise InvalidMessage(
                f"job names bucket {shown(self.bucket)}; this service keeps originals in {bucket!r}"
            )
        return self
