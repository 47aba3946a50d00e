"""The end of a job, and its JSON; it is also the data of the event `completed`."""

import json
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Struct

from quickthumb.documents import untrusted
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.untrusted import MAX_WHOLE
from quickthumb.problems import GaveUp, InvalidMessage, Unprocessable

Pixels = Annotated[int, Meta(ge=1, description="Pixels.")]
SeenPixels = Annotated[int, Meta(ge=1, description="Pixels, as a viewer shows it.")]
Bytes = Annotated[int, Meta(ge=1, description="Its size.")]


def _text(description: str, **schema: str) -> Meta:
    """Describe text whose form is promised when written, but not required when read."""
    return Meta(description=description, extra_json_schema=schema)


class Original(Struct, frozen=True):
    """What is known of the uploaded picture."""

    content_type: Annotated[str, _text("Told from its bytes, never from its name.")]
    width: SeenPixels
    height: SeenPixels
    orientation: Annotated[
        int,
        Meta(ge=1, le=8, description="EXIF orientation of the original; thumbnails are upright."),
    ]
    bytes: Bytes


class Thumbnail(Struct, frozen=True):
    """A thumbnail in the processed bucket."""

    name: Annotated[str, _text("The last part of its link, /{id}/{name}.")]
    blob: Annotated[str, _text("Its name in the bucket processed.")]
    content_type: str
    width: Pixels
    height: Pixels
    bytes: Bytes
    sha256: Annotated[str, _text("Hash of its bytes.", pattern="^[0-9a-f]{64}$")]


class Placeholder(Struct, frozen=True):
    """What a page shows before a thumbnail has loaded."""

    data_uri: Annotated[
        str,
        _text(
            "The picture in about 16 pixels, under a kilobyte.",
            format="uri",
            pattern="^data:image/",
        ),
    ]
    color: Annotated[str, _text("The dominant colour.", pattern="^#[0-9a-f]{6}$")]


class Failure(Struct, frozen=True):
    """Why a job has no thumbnails."""

    code: Annotated[str, _text("Stable name; GET /problems/{code} explains it.")]
    detail: Annotated[str, _text("A sentence for the person who uploaded.")]


class Manifest(Struct, frozen=True):
    """The end of a job, written after everything else: the commit point."""

    id: Annotated[
        str, _text("The upload. Whoever has it can read and delete it.", pattern="^[0-9a-f]{32}$")
    ]
    name: Annotated[str, _text("The blob of the original, in the bucket originals.")]
    generation: Annotated[
        int,
        Meta(ge=0, le=MAX_WHOLE, description="The version of that blob, given by Cloud Storage."),
    ]
    original: Annotated[
        Original | None,
        Meta(description="What the picture was; null where it could not be read."),
    ] = None
    thumbnails: Annotated[
        tuple[Thumbnail, ...], Meta(description="In the order in which they were asked for.")
    ] = ()
    failure: Annotated[
        Failure | None,
        Meta(description="Why there are no thumbnails; null when the job is done."),
    ] = None
    placeholder: Annotated[
        Placeholder | None,
        Meta(description="What to show before a thumbnail has loaded; null when the job failed."),
    ] = None
    filename: Annotated[
        str,
        _text("The name that came with the picture, or empty. Never use it as a path."),
    ] = ""

    @classmethod
    def failed(cls, job: Job, error: Unprocessable) -> Self:
        """Return the end of a job that no retry can help."""
        return cls(job.id, job.name, job.generation, failure=Failure(error.code, str(error)))

    @classmethod
    def unreadable(cls, id: str) -> Self:
        """Return a stand-in for a manifest that cannot be read: that of a job that was given up.

        The upload has ended as far as anybody can tell, and clients are told what to do. Another
        delivery of the job repairs it, as for every job that was given up.
        """
        detail = "How the job ended cannot be read any more. Send the picture again."
        return cls(id, id, 0, failure=Failure(GaveUp.code, detail))

    def ends(self, job: Job) -> bool:
        """Tell whether there is nothing left to do for a job.

        A job that was given up is retried when it is delivered again, late or by hand.
        """
        return self.generation == job.generation and not self.gave_up

    @property
    def gave_up(self) -> bool:
        """Whether the job ended although nothing is known to be wrong with its picture."""
        return self.failure is not None and self.failure.code == GaveUp.code

    @property
    def state(self) -> Literal["done", "failed"]:
        """How the job ended."""
        return "failed" if self.failure else "done"

    def thumbnail(self, name: str) -> Thumbnail | None:
        """Return the thumbnail of a rendition, None if it was not requested."""
        return next((thumb for thumb in self.thumbnails if thumb.name == name), None)

    def to_json(self) -> bytes:
        """Return the content of `manifest.json`."""
        document = {"schema": SCHEMA, "state": self.state, **msgspec.to_builtins(self)}
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the content of `manifest.json`.

        Raises:
            InvalidMessage: it is not a manifest of this schema.
        """
        try:
            document = untrusted.read(dict[str, Any], body)
            # Earlier versions wrote no name: all blobs of originals were named by their ids.
            manifest = untrusted.convert(cls, {"name": document.get("id"), **document})
            if "thumbnails" not in document:
                raise InvalidMessage("thumbnails is missing")
        except InvalidMessage as error:
            raise InvalidMessage(f"no manifest: {error}") from error
        return manifest
