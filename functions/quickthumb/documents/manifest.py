"""The manifest: how a job ended; also the data of the event `completed`."""

import json
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Struct

from quickthumb.documents import untrusted
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.metadata import Described
from quickthumb.documents.rendition import negotiable, variants
from quickthumb.documents.untrusted import MAX_WHOLE
from quickthumb.problems import GaveUp, InvalidMessage, Unprocessable

_DELETED = "deleted"

Pixels = Annotated[int, Meta(ge=1, description="Pixels.")]
SeenPixels = Annotated[int, Meta(ge=1, description="Pixels, after EXIF orientation.")]
Bytes = Annotated[int, Meta(ge=1, description="Size in bytes.")]


def _text(description: str, **schema: str) -> Meta:
    """Describe text; `schema` is guaranteed when written, but not validated when read."""
    return Meta(description=description, extra_json_schema=schema)


class Original(Struct, frozen=True):
    """The uploaded picture."""

    content_type: Annotated[str, _text("Detected from the content.")]
    width: SeenPixels
    height: SeenPixels
    orientation: Annotated[
        int,
        Meta(ge=1, le=8, description="EXIF orientation of the original; thumbnails are upright."),
    ]
    bytes: Bytes


class Thumbnail(Struct, frozen=True):
    """A thumbnail in the bucket of results."""

    name: Annotated[str, _text("The last part of its link, /{id}/{name}.")]
    blob: Annotated[str, _text("Name in the bucket of results.")]
    content_type: str
    width: Pixels
    height: Pixels
    bytes: Bytes
    sha256: Annotated[str, _text("Hash of the content.", pattern="^[0-9a-f]{64}$")]


class Placeholder(Struct, frozen=True):
    """What to show while a thumbnail loads."""

    data_uri: Annotated[
        str,
        _text(
            "The picture at about 16 pixels, below a kilobyte.",
            format="uri",
            pattern="^data:image/",
        ),
    ]
    color: Annotated[str, _text("The dominant colour.", pattern="^#[0-9a-f]{6}$")]


class Failure(Struct, frozen=True):
    """Why a job failed."""

    code: Annotated[str, _text("Stable name; GET /problems/{code} explains it.")]
    detail: Annotated[str, _text("A sentence for people.")]


class Tombstone(Struct, frozen=True):
    """In place of the manifest of an upload that was deleted; final for its id.

    Earlier versions cannot read it, and treat the job as given up.

    Attributes:
        id: the upload.
        name: the blob of the original.
        generation: the version of that blob; 0 if unknown.
    """

    id: str
    name: str
    generation: Annotated[int, Meta(ge=0, le=MAX_WHOLE)]

    def to_json(self) -> bytes:
        """Return the content of `manifest.json`."""
        return _json({"schema": SCHEMA, "state": _DELETED, **msgspec.to_builtins(self)})


class Manifest(Struct, frozen=True):
    """How a job ended; written last, as the commit."""

    id: Annotated[
        str,
        _text(
            "The upload. Anyone who has the id can read and delete it.", pattern="^[0-9a-f]{32}$"
        ),
    ]
    name: Annotated[str, _text("The blob of the original.")]
    generation: Annotated[
        int,
        Meta(
            ge=0, le=MAX_WHOLE, description="The version of that blob, assigned by Cloud Storage."
        ),
    ]
    original: Annotated[
        Original | None,
        Meta(description="The uploaded picture; null if it could not be read."),
    ] = None
    thumbnails: Annotated[tuple[Thumbnail, ...], Meta(description="In the requested order.")] = ()
    failure: Annotated[
        Failure | None,
        Meta(description="Why there are no thumbnails; null if the job is done."),
    ] = None
    placeholder: Annotated[
        Placeholder | None,
        Meta(description="What to show while a thumbnail loads; null if the job failed."),
    ] = None
    filename: Annotated[
        str,
        _text("The name of the uploaded file, or empty. Never use it as a path."),
    ] = ""
    dropped: Annotated[
        bool,
        Meta(description="Whether a sweep deletes the original, since the job is done."),
    ] = False
    metadata: Described = {}

    @classmethod
    def failed(cls, job: Job, error: Unprocessable) -> Self:
        """Return the manifest of a job that failed for good."""
        failure = Failure(error.code, str(error))
        return cls(job.id, job.name, job.generation, failure=failure, metadata=job.metadata)

    @classmethod
    def unreadable(cls, id: str) -> Self:
        """Return a substitute for a manifest that cannot be read: that of a job that was given up.

        As with every job that was given up, another delivery repairs it.
        """
        detail = "The result of the job cannot be read any more. Upload the picture again."
        return cls(id, id, 0, failure=Failure(GaveUp.code, detail))

    def as_dropped(self) -> Self:
        """Return the manifest after its original was dropped."""
        return msgspec.structs.replace(self, dropped=True)

    def ends(self, job: Job) -> bool:
        """Return whether there is nothing left to do for a job.

        A job that was given up is retried when it is redelivered.
        """
        return self.generation == job.generation and not self.gave_up

    @property
    def gave_up(self) -> bool:
        """Whether the job ended although its picture may be fine."""
        return self.failure is not None and self.failure.code == GaveUp.code

    @property
    def state(self) -> Literal["done", "failed"]:
        """How the job ended."""
        return "failed" if self.failure else "done"

    def thumbnail(self, name: str) -> Thumbnail | None:
        """Return the thumbnail of a rendition, None if it was not requested."""
        return next((thumb for thumb in self.thumbnails if thumb.name == name), None)

    def has_variants(self, name: str) -> bool:
        """Return whether there is a thumbnail in each format that can be negotiated."""
        return {thumb.name for thumb in self.thumbnails}.issuperset(variants(name))

    @property
    def links(self) -> tuple[str, ...]:
        """The names of all links: of the thumbnails, and of those that are negotiated."""
        names = tuple(thumb.name for thumb in self.thumbnails)
        return (*names, *negotiable(names))

    def to_json(self) -> bytes:
        """Return the content of `manifest.json`: that of the event, and whether it is dropped."""
        members = self._members()
        if not self.metadata:
            del members["metadata"]
        return _json(members | ({"dropped": True} if self.dropped else {}))

    def as_event(self, service: str | None = None) -> bytes:
        """Return the data of the event `completed`.

        Args:
            service: public URL of the service, without a slash at the end; None if it is unknown.
        """
        return _json(self._members() | {"links": self._links(service) if service else None})

    def _links(self, service: str) -> dict[str, Any]:
        """Return the links of the status, made absolute."""
        status = f"{service}/{self.id}"
        thumbnails = {name: f"{status}/{name}" for name in self.links}
        return {"self": status, "thumbnails": thumbnails}

    def _members(self) -> dict[str, Any]:
        members = msgspec.to_builtins(self)
        del members["dropped"]
        return {"schema": SCHEMA, "state": self.state, **members}

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Parse the content of `manifest.json`.

        Raises:
            InvalidMessage: it is not a manifest of this schema.
        """
        try:
            return cls._read(untrusted.read(dict[str, Any], body))
        except InvalidMessage as error:
            raise InvalidMessage(f"not a manifest: {error}") from error

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        # Earlier versions wrote no name: originals were named by their ids.
        manifest = untrusted.convert(cls, {"name": document.get("id"), **document})
        if "thumbnails" not in document:
            raise InvalidMessage("thumbnails is missing")
        return manifest


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def end_of(body: bytes) -> Manifest | Tombstone:
    """Parse the content of `manifest.json`.

    Raises:
        InvalidMessage: it is neither a manifest nor a tombstone of this schema.
    """
    document = untrusted.read(dict[str, Any], body)
    if document.get("state") == _DELETED:
        return untrusted.convert(Tombstone, document)
    return Manifest._read(document)
