"""The interface of a bucket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """The description of a blob.

    Attributes:
        name: in its bucket.
        content_type: media type.
        size: bytes.
        generation: version, assigned by Cloud Storage.
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
class Content:
    """The content of a blob.

    Attributes:
        data: its bytes.
        generation: the version that was read.
    """

    data: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A blob, or part of a listing, that cannot be read.

    Attributes:
        name: of the blob; or the prefix of the part, followed by `…`.
        reason: why.
    """

    name: str
    reason: str


class Bucket(Protocol):
    """A bucket. Every method raises `Unavailable`."""

    @property
    def name(self) -> str:
        """The name of the bucket."""

    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> int | None:
        """Write a new blob; return its generation, None if the blob exists already."""

    def begin(
        self,
        name: str,
        size: int,
        content_type: str,
        metadata: Mapping[str, str],
        origin: str | None,
    ) -> str:
        """Begin a resumable upload of a new blob; return its URL.

        Args:
            name: of the blob.
            size: exact size, bytes.
            content_type: media type.
            metadata: custom metadata.
            origin: of the web page that will send the blob; None if no browser does.
        """

    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str] | None = None,
        if_generation: int | None = None,
    ) -> bool:
        """Write or replace a blob; return whether it was written.

        Args:
            name: of the blob.
            data: its content.
            content_type: media type.
            cache_control: for caches.
            metadata: custom metadata.
            if_generation: write only if this is the current version, 0 if there is none; None
                writes in any case. False may also mean that an earlier try of this call wrote it,
                its answer was lost, and another blob has replaced it since.
        """

    def read(self, name: str, generation: int | None = None) -> bytes | None:
        """Return the content of a blob, None if it, or that generation, does not exist."""

    def fetch(self, name: str) -> Content | None:
        """Return the content of a blob and its generation, None if it does not exist."""

    def stat(self, name: str) -> Blob | None:
        """Return the description of a blob, None if it does not exist.

        Raises:
            InvalidMessage: the description cannot be read.
        """

    def delete(self, name: str, generation: int | None = None) -> bool:
        """Delete a blob, or only that generation; return whether it existed."""

    def walk(self, prefix: str = "", start: str = "", end: str = "") -> Iterator[Blob | Unread]:
        """Yield the blobs whose names begin with `prefix`, by name; list them page by page.

        Args:
            prefix: of the names.
            start: the first name to yield, inclusive.
            end: where to stop, exclusive; empty for no limit.

        Yields:
            `Unread` for a blob whose description cannot be read.
        """
