"""A wish: a thumbnail that was asked for after the upload, until it is made."""

import json
import time
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from quickthumb.documents import untrusted
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure
from quickthumb.documents.rendition import Rendition
from quickthumb.documents.untrusted import MAX_WHOLE
from quickthumb.problems import GaveUp

_MAX_TRIES = 1_000
"""Maximum count; nobody writes a larger one."""


class Wish(Struct, frozen=True):
    """A thumbnail to make.

    It is written before its job is published, so that the job can be published again, and deleted
    once the manifest names the thumbnail. Its name is that of the thumbnail: the same wish of many
    clients is one blob, which one of them creates.

    Attributes:
        id: the upload.
        name: the blob of the original.
        generation: the version of that blob.
        size: of that blob, bytes.
        rendition: the thumbnail.
        at: when its job was last published, seconds of `time.time`.
        tries: how often its job was published again.
        failure: why it could not be made; None as long as that is open.
        over: whether nobody tries again by themselves.
    """

    id: str
    name: str
    generation: Annotated[int, Meta(ge=1, le=MAX_WHOLE)]
    size: Annotated[int, Meta(ge=0, le=MAX_WHOLE)]
    rendition: Rendition
    at: Annotated[float, Meta(ge=0, le=MAX_WHOLE)]
    tries: Annotated[int, Meta(ge=0, le=_MAX_TRIES)] = 0
    failure: Failure | None = None
    over: bool = False

    @classmethod
    def of(cls, job: Job, rendition: Rendition) -> Self:
        """Return the wish for a further thumbnail of the original of a job."""
        return cls(job.id, job.name, job.generation, job.size, rendition, time.time())

    def job(self, bucket: str) -> Job:
        """Return the job that makes it, of an original in a bucket."""
        origin = (bucket, self.name, self.generation)
        return Job(self.id, *origin, (self.rendition,), self.size, grows=True)

    def failed(self, failure: Failure) -> Self:
        """Return the wish after its job failed; `gave-up` may be tried again."""
        return msgspec.structs.replace(self, failure=failure, over=failure.code != GaveUp.code)

    def tried_again(self) -> Self:
        """Return the wish, counted as published again."""
        tries = self.tries + 1
        return msgspec.structs.replace(self, at=time.time(), tries=tries, failure=None)

    def given_up(self, failure: Failure) -> Self:
        """Return the wish after its last attempt."""
        return msgspec.structs.replace(self, failure=self.failure or failure, over=True)

    def to_json(self) -> bytes:
        """Return the content of its blob."""
        return json.dumps(msgspec.to_builtins(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Parse the content of its blob. Raises `InvalidMessage`."""
        return untrusted.read(cls, body)
