"""The end of a job, and its JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Literal, Self

from quickthumb.documents import untrusted
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.problems import GaveUp, InvalidMessage, Unprocessable


@dataclass(frozen=True, slots=True)
class Original:
    """What is known of the uploaded picture.

    Attributes:
        content_type: as sniffed from the bytes.
        width: pixels, as a viewer shows it (EXIF orientation applied).
        height: pixels, as a viewer shows it.
        orientation: EXIF orientation of the stored picture, 1 to 8.
        bytes: size of the blob.
    """

    content_type: str
    width: int
    height: int
    orientation: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail in the processed bucket.

    Attributes:
        name: the rendition it answers.
        blob: its name in the processed bucket.
        content_type: of the encoded picture.
        width: pixels.
        height: pixels.
        bytes: size of the blob.
        sha256: hash of its bytes, hexadecimal.
    """

    name: str
    blob: str
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a page shows before a thumbnail has loaded.

    Attributes:
        data_uri: the picture in about 16 pixels, for the `src` of an `img`; under a kilobyte.
        color: the dominant colour, "#rrggbb".
    """

    data_uri: str
    color: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has no thumbnails.

    Attributes:
        code: stable name, one of the `code`s in `quickthumb.problems`.
        detail: a sentence for the person who uploaded.
    """

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The end of a job, written after everything else: the commit point.

    Attributes:
        id: the upload.
        name: the blob of the original.
        generation: the version of the original it is about.
        original: what the picture was, None where it could not be read.
        thumbnails: in the order of the request; empty when the job failed.
        failure: None when the job is done.
        placeholder: None when the job failed.
        filename: as the sender calls the picture, empty if not at all.
    """

    id: str
    name: str
    generation: int
    original: Original | None = None
    thumbnails: tuple[Thumbnail, ...] = ()
    failure: Failure | None = None
    placeholder: Placeholder | None = None
    filename: str = ""

    @classmethod
    def failed(cls, job: Job, error: Unprocessable) -> Self:
        """Return the end of a job that no retry can help."""
        return cls(job.id, job.name, job.generation, failure=Failure(error.code, str(error)))

    @classmethod
    def unreadable(cls, id: str) -> Self:
        """Return what stands for a manifest that cannot be read: one of a job that was given up.

        Its upload has ended as far as anybody can tell, and whoever asks is told what to do. A
        delivery of its job does it again, as every job that was given up, and so mends it.
        """
        detail = "How the job ended cannot be read any more. Send the picture again."
        return cls(id, id, 0, failure=Failure(GaveUp.code, detail))

    def ends(self, job: Job) -> bool:
        """Tell whether there is nothing left to do for a job.

        A job that was given up is tried again when it is delivered once more, late or by hand.
        """
        return self.generation == job.generation and not self.gave_up

    @property
    def gave_up(self) -> bool:
        """Whether the job ended without anything being known against its picture."""
        return self.failure is not None and self.failure.code == GaveUp.code

    @property
    def state(self) -> Literal["done", "failed"]:
        """How the job ended."""
        return "failed" if self.failure else "done"

    def thumbnail(self, name: str) -> Thumbnail | None:
        """Return the thumbnail of a rendition, None if that was not asked for."""
        return next((thumb for thumb in self.thumbnails if thumb.name == name), None)

    def to_json(self) -> bytes:
        """Return the content of `manifest.json`."""
        document = {"schema": SCHEMA, "state": self.state, **asdict(self)}
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the content of `manifest.json`.

        Raises:
            InvalidMessage: it is no manifest of this schema.
        """
        document = untrusted.load_object(body)
        try:
            original, failure, placeholder = (
                document.get(name) for name in ("original", "failure", "placeholder")
            )
            id = untrusted.text(document, "id")
            return cls(
                id=id,
                name=untrusted.text(document, "name", id),
                generation=untrusted.whole(document, "generation", 0),
                original=untrusted.record(Original, original) if original else None,
                thumbnails=tuple(
                    untrusted.record(Thumbnail, thumb)
                    for thumb in untrusted.a_list(document.get("thumbnails"))
                ),
                failure=untrusted.record(Failure, failure) if failure else None,
                placeholder=untrusted.record(Placeholder, placeholder) if placeholder else None,
                filename=untrusted.text(document, "filename", ""),
            )
        except InvalidMessage as error:
            raise InvalidMessage(f"no manifest: {error}") from error
