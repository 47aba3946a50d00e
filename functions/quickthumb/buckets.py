"""What the functions need of a bucket, whatever implements it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob without its bytes.

    Attributes:
        name: inside its bucket.
        content_type: media type.
        size: bytes.
        generation: version of the blob, given by Cloud Storage.
        updated: when this version was written.
        metadata: custom metadata.
    """

    name: str
    content_type: str
    size: int
    generation: int
    updated: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unread:
    """What a walk found and could not read.

    Attributes:
        name: of the blob; or the prefix of the names that could not be listed, followed by `…`.
        reason: why.
    """

    name: str
    reason: str


class Bucket(Protocol):
    """What the functions need of a bucket. Every method raises `Unavailable`."""

    @property
    def name(self) -> str:
        """The name of the bucket."""

    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> int | None:
        """Write a blob that must not exist yet; return its generation, None if it exists."""

    def begin(
        self,
        name: str,
        size: int,
        content_type: str,
        metadata: Mapping[str, str],
        origin: str | None,
    ) -> str:
        """Begin a resumable upload of a blob that must not exist yet; return where to send it.

        Args:
            name: of the blob.
            size: bytes that will be sent, no more and no fewer.
            content_type: media type.
            metadata: custom metadata.
            origin: of the web page that will send them; None unless a browser does.
        """

    def write(self, name: str, data: bytes, content_type: str, cache_control: str) -> None:
        """Write a blob, replacing one of that name."""

    def read(self, name: str, generation: int | None = None) -> bytes | None:
        """Return the bytes of a blob, None if it (or that generation of it) does not exist."""

    def stat(self, name: str) -> Blob | None:
        """Return what is known of a blob, None if it does not exist.

        Raises:
            InvalidMessage: its description cannot be read.
        """

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete a blob, or only that generation of it; return whether it was there."""

    def walk(self, prefix: str = "", start: str = "", end: str = "") -> Iterator[Blob | Unread]:
        """Walk over the blobs whose names begin with `prefix`, by name, page by page.

        A blob whose description cannot be read comes as `Unread`.

        Args:
            prefix: of their whole names.
            start: the first name that may come.
            end: the first name that may not; empty for no such limit.
        """
