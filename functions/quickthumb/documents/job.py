"""The message that makes `resize` create thumbnails."""

import json
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.metadata import Metadata
from quickthumb.documents.names import blob_name, id_of
from quickthumb.documents.rendition import MAX_LISTED, Rendition
from quickthumb.documents.untrusted import MAX_WHOLE, shown
from quickthumb.problems import InvalidMessage

SCHEMA = "1"
"""Version of the job message and of the manifest; the message attribute `schema`."""

RETRY = "retry"
"""Attribute of a message that `sweep` published again: the number of the retry, from 1."""

_WISHES = "wishes"
"""In place of `renditions` if a job grows."""

MAX_FILENAME = 255
"""Maximum length of a stored file name, characters."""


class Job(msgspec.Struct, frozen=True):
    """The thumbnails to make of an original.

    Attributes:
        id: the upload.
        bucket: the bucket of the original.
        name: the blob of the original.
        generation: the version of that blob.
        renditions: the thumbnails to make; empty if they are in the metadata of the original.
        size: of that blob, bytes.
        filename: of the upload, or empty.
        metadata: of the application; earlier versions ignore it.
        grows: whether the thumbnails were asked for later, and join those that there are.
    """

    id: str
    bucket: str
    name: str
    generation: Annotated[int, Meta(ge=1, le=MAX_WHOLE)]
    renditions: Annotated[tuple[Rendition, ...], Meta(min_length=1, max_length=MAX_LISTED)]
    size: Annotated[int, Meta(ge=0, le=MAX_WHOLE)] = 0
    filename: str = ""
    metadata: Metadata = {}
    grows: bool = False

    def to_json(self) -> bytes:
        """Return the body of the message."""
        members = msgspec.to_builtins(self)
        if not self.metadata:
            del members["metadata"]
        if members.pop("grows"):
            # Earlier versions must refuse it: they would write a manifest with these alone.
            members[_WISHES] = members.pop("renditions")
        return json.dumps(members, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Parse the body of a message.

        Raises:
            InvalidMessage: it is not a job of this schema.
        """
        try:
            document = untrusted.read(dict[str, Any], body)
            if _WISHES in document:
                document = {**document, "renditions": document[_WISHES]}
            document["grows"] = _WISHES in document
            job = untrusted.convert(cls, document)
            blob_name(job.name)
        except InvalidMessage as error:
            raise InvalidMessage(f"not a job: {error}") from error
        if job.id != id_of(job.bucket, job.name, job.generation):
            raise InvalidMessage(f"not a job: {shown(job.id)} is not the id of {shown(job.name)}")
        return msgspec.structs.replace(job, filename=job.filename[:MAX_FILENAME])

    def within(self, bucket: str) -> Self:
        """Return the job if it is about this bucket.

        Blobs of other buckets could have any id, since a blob's name may be its id.

        Raises:
            InvalidMessage: the job is about another bucket.
        """
        if self.bucket != bucket:
            raise InvalidMessage(
                f"the job is about bucket {shown(self.bucket)}, but originals are in {bucket!r}"
            )
        return self
