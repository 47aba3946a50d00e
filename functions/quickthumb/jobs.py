"""The vocabulary of a job, and its JSON.

An upload becomes a `Job` on the topic, or an `Arrival` where a client or another program has put
the picture into the bucket; a finished job becomes a `Manifest` in the processed bucket. None holds
a time of day, so that a job done twice leaves the same bytes.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from quickthumb import untrusted
from quickthumb.problems import GaveUp, InvalidMessage, Unprocessable
from quickthumb.untrusted import MAX_WHOLE, shown

SCHEMA = "1"
"""Version of the job message and of the manifest, kept in the message attribute `schema`."""

Fit = Literal["contain", "cover"]
Gravity = Literal["center", "smart"]
Format = Literal["auto", "jpeg", "png", "webp", "avif"]

INCOMING = "incoming/"
"""Begins the names of originals that did not come through the function `upload`."""

ANNOUNCED = f"{INCOMING}announced/"
"""Begins the names of those that were announced to it, before their ids."""

MAX_SIZE = 4096
"""The longest side that a thumbnail may be asked for, pixels."""

MAX_FILENAME = 255
"""How much of a file name is kept, characters."""

_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,63}")
_MAX_RENDITIONS = 64  # of a message; far above what one may ask for
_MAX_NAME_BYTES = 1024  # of a blob


def new_id() -> str:
    """Return a new id: 128 random bits, the capability to read and delete an upload.

    Hexadecimal, since Cloud Run keeps some paths that end in "z" for itself
    (https://docs.cloud.google.com/run/docs/known-issues).
    """
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Tell whether the text has the form of an id made by `new_id`."""
    return _ID.fullmatch(text) is not None


def id_of(bucket: str, name: str, generation: int) -> str:
    """Return the id of the upload that a blob of the originals is.

    The uploads of this service are named by their ids. What another program puts under `incoming/`
    is an upload of its own each time it is written, also where its name looks like an id; its id
    follows from the version of the blob, so that whoever wrote it knows it: the first 32 digits of
    SHA-256 of "bucket/name#generation".
    """
    own = name.removeprefix(ANNOUNCED)
    if is_id(own):
        return own
    return hashlib.sha256(f"{bucket}/{name}#{generation}".encode()).hexdigest()[:32]


def blob_name(text: str) -> str:
    """Return a text that can be the name of a blob.

    The rules are https://docs.cloud.google.com/storage/docs/objects#naming.

    Raises:
        InvalidMessage: no blob can have that name.
    """
    if not 1 <= len(text.encode()) <= _MAX_NAME_BYTES:
        raise InvalidMessage(
            f"the name {shown(text)} has {len(text.encode()):,} bytes: "
            f"expected 1 to {_MAX_NAME_BYTES:,}"
        )
    if text in (".", "..") or "\n" in text or "\r" in text:
        raise InvalidMessage(f"{shown(text)} cannot be the name of a blob")
    return text


def is_folder(name: str) -> bool:
    """Tell whether a blob is what consoles make to show a folder that has nothing in it yet."""
    return name.endswith("/")


@dataclass(frozen=True, slots=True)
class Rendition:
    """One requested thumbnail.

    Attributes:
        name: the last part of its link and the stem of its blob ("256").
        width: greatest width, pixels.
        height: greatest height, pixels.
        fit: `contain` fits the picture into the box; `cover` fills the box and crops.
        gravity: which part `cover` keeps.
        format: the output format; `auto` is JPEG for opaque pictures, WebP for transparent ones.
        quality: 1 to 100; None is the default of the format.
        background: "#rrggbb" to flatten transparency onto; None keeps it where the format can.
        max_bytes: the most a thumbnail may weigh, bytes; None is no limit.
    """

    name: str
    width: int
    height: int
    fit: Fit = "contain"
    gravity: Gravity = "center"
    format: Format = "auto"
    quality: int | None = None
    background: str | None = None
    max_bytes: int | None = None

    @classmethod
    def square(cls, size: int) -> Self:
        """Return the plain rendition whose longest side is `size` pixels."""
        return cls(str(size), size, size)

    def to_dict(self) -> dict[str, Any]:
        """Return the rendition as JSON values, defaults left out."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    def to_list(self) -> list[Any]:
        """Return the rendition in fewer letters: its values in their order, null for defaults."""
        given = self.to_dict()
        values = [given.get(field.name) for field in fields(self)]
        while values[-1] is None:
            values.pop()
        return values

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read what `to_dict` or `to_list` has returned.

        Raises:
            InvalidMessage: it is something else, or a rendition that nobody may ask for.
        """
        if isinstance(document, list):
            names = [field.name for field in fields(cls)]
            if len(document) > len(names):
                raise InvalidMessage(f"{shown(document)}: expected at most {len(names)} values")
            pairs = zip(names, document, strict=False)
            document = {name: value for name, value in pairs if value is not None}
        rendition = untrusted.record(cls, document, strict=True)
        _check(rendition)
        return rendition


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
        return _dump(
            {
                "id": self.id,
                "bucket": self.bucket,
                "name": self.name,
                "generation": self.generation,
                "renditions": [rendition.to_dict() for rendition in self.renditions],
                "size": self.size,
                "filename": self.filename,
            }
        )

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


def renditions_from(documents: Any) -> tuple[Rendition, ...]:
    """Read renditions back from their JSON values.

    Raises:
        InvalidMessage: one of them is none that we could have written, or there are none or too
            many.
    """
    listed = untrusted.a_list(documents)
    if not 1 <= len(listed) <= _MAX_RENDITIONS:
        raise InvalidMessage(f"{len(listed)} renditions: expected 1 to {_MAX_RENDITIONS}")
    return tuple(map(Rendition.from_json, listed))


def _check(rendition: Rendition) -> None:
    """See that a rendition is one that we could have written: it names a blob, and costs memory."""
    checks = {
        "name": _NAME.fullmatch(rendition.name),
        "width": 1 <= rendition.width <= MAX_SIZE,
        "height": 1 <= rendition.height <= MAX_SIZE,
        "quality": rendition.quality is None or 1 <= rendition.quality <= 100,
        "background": rendition.background is None
        or re.fullmatch("#[0-9a-f]{6}", rendition.background),
        "max_bytes": rendition.max_bytes is None or rendition.max_bytes >= 1,
    }
    for name, holds in checks.items():
        if not holds:
            raise InvalidMessage(
                f"a rendition of which we make none: {name}: {shown(getattr(rendition, name))}"
            )


@dataclass(frozen=True, slots=True)
class Arrival:
    """What Cloud Storage tells of a blob that was written.

    Its form is https://docs.cloud.google.com/storage/docs/pubsub-notifications#attributes; all that
    is needed is in the attributes, so that the payload may be left out.

    Attributes:
        bucket: of the blob.
        name: of the blob.
        generation: the version that was written.
    """

    bucket: str
    name: str
    generation: int

    @property
    def job(self) -> Job:
        """What is to be done, without the thumbnails, which the blob itself asks for."""
        id = id_of(self.bucket, self.name, self.generation)
        return Job(id, self.bucket, self.name, self.generation, ())

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Self | None:
        """Read the attributes of a message; None if it is no notification of Cloud Storage.

        Raises:
            InvalidMessage: it is one, but not of a blob that was written.
        """
        event = attributes.get("eventType")
        if event is None:
            return None
        try:
            if event != "OBJECT_FINALIZE":
                raise InvalidMessage(f"eventType: {shown(event)}: expected OBJECT_FINALIZE")
            return cls(
                untrusted.text(attributes, "bucketId"),
                blob_name(untrusted.text(attributes, "objectId")),
                _generation(untrusted.text(attributes, "objectGeneration")),
            )
        except InvalidMessage as error:
            raise InvalidMessage(f"notification of Cloud Storage: {error}") from error


def _generation(text: str) -> int:
    """Read a generation from an attribute, which is text."""
    if not re.fullmatch("[0-9]{1,19}", text) or not 1 <= int(text) <= MAX_WHOLE:
        raise InvalidMessage(f"objectGeneration: {shown(text)}: expected a whole number above 0")
    return int(text)


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
        return _dump({"schema": SCHEMA, "state": self.state, **asdict(self)})

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


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
