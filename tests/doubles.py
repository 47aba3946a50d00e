"""Buckets, topics and a kitchen in memory; contract tests compare them with the real ones."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from quickthumb.buckets import Blob, Content, Unread
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.render import render
from quickthumb.limits import Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import InvalidMessage, NotPublished, Unavailable


@dataclass
class MemoryBucket:
    """A bucket.

    Attributes:
        broken: every call fails as if Cloud Storage did not respond.
        damaged: names of blobs that fake-gcs-server could write but cannot read: they are missing,
            and make listings fail.
        odd: names of blobs with invalid metadata.
    """

    name: str = "memory"
    broken: bool = False
    blobs: dict[str, tuple[Blob, bytes]] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    begun: dict[str, tuple[str, int, str, Mapping[str, str], str | None]] = field(
        default_factory=dict
    )
    damaged: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)
    _generations: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> int | None:
        self._check()
        with self._lock:
            return None if name in self.blobs else self._put(name, data, content_type, metadata)

    def begin(
        self,
        name: str,
        size: int,
        content_type: str,
        metadata: Mapping[str, str],
        origin: str | None,
    ) -> str:
        self._check()
        url = f"https://storage.example/{self.name}?upload_id={len(self.begun)}"
        self.begun[url] = (name, size, content_type, dict(metadata), origin)
        return url

    def send(self, url: str, data: bytes) -> int | None:
        """Send the data of a started upload, like its client does."""
        name, size, content_type, metadata, _ = self.begun[url]
        assert len(data) == size
        return self.create(name, data, content_type, metadata)

    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        cache_control: str,
        metadata: Mapping[str, str] | None = None,
        if_generation: int | None = None,
    ) -> bool:
        self._check()
        with self._lock:
            current = self.blobs[name][0].generation if name in self.blobs else 0
            if if_generation not in (None, current):
                return False
            self._put(name, data, content_type, metadata or {})
            return True

    def read(self, name: str, generation: int | None = None) -> bytes | None:
        self._check()
        if name in self.damaged:
            return None
        blob, data = self.blobs.get(name, (None, None))
        current = blob is not None and generation in (None, blob.generation)
        return data if current else None

    def fetch(self, name: str) -> Content | None:
        self._check()
        if name in self.damaged or name not in self.blobs:
            return None
        blob, data = self.blobs[name]
        return Content(data, blob.generation)

    def stat(self, name: str) -> Blob | None:
        self._check()
        if name in self.damaged or name not in self.blobs:
            return None
        if name in self.odd:
            raise InvalidMessage(f"what is told of {name!r} cannot be read")
        return self.blobs[name][0]

    def delete(self, name: str, generation: int | None = None) -> bool:
        self._check()
        if name in self.damaged:
            return False
        if generation is not None and self.read(name, generation) is None:
            return False
        return self.blobs.pop(name, None) is not None

    def walk(self, prefix: str = "", start: str = "", end: str = "") -> Iterator[Blob | Unread]:
        self._check()
        if any(name.startswith(prefix) for name in self.damaged):
            raise Unavailable(f"bucket {self.name} cannot be listed")
        yield from [
            Unread(name, "it makes no sense") if name in self.odd else blob
            for name, (blob, _) in sorted(self.blobs.items())
            if name.startswith(prefix) and name >= start and (not end or name < end)
        ]

    def _put(self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]) -> int:
        generation = next(self._generations)
        self.damaged.discard(name)
        self.odd.discard(name)
        blob = Blob(name, content_type, len(data), generation, self.now(), dict(metadata))
        self.blobs[name] = (blob, data)
        return generation

    def _check(self) -> None:
        if self.broken:
            raise Unavailable(f"bucket {self.name} does not answer")


def left_in(results: MemoryBucket) -> list[str]:
    """Return the names of the blobs in the bucket of results that are no tombstones."""
    return [
        name for name, (_, data) in results.blobs.items() if b'"state":"deleted"' not in data[:40]
    ]


@dataclass
class MemoryTopic:
    """A topic that keeps published messages; `broken` makes it fail."""

    broken: bool = False
    messages: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def publish(self, data: bytes, **attributes: str) -> None:
        if self.broken:
            raise NotPublished("topic does not answer")
        self.messages.append((data, attributes))


@dataclass
class MemoryCloud:
    """The buckets and topics of the service, with a clock controlled by the test."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    originals: MemoryBucket = field(init=False)
    processed: MemoryBucket = field(init=False)
    uploads: MemoryTopic = field(default_factory=MemoryTopic)
    completed: MemoryTopic = field(default_factory=MemoryTopic)

    def __post_init__(self) -> None:
        self.originals = MemoryBucket("originals", now=lambda: self.time)
        self.processed = MemoryBucket("processed", now=lambda: self.time)

    def later(self, **amount: float) -> None:
        """Advance the clock; arguments as for `timedelta`."""
        self.time += timedelta(**amount)


@dataclass
class MemoryKitchen:
    """A kitchen that decodes in this process."""

    limits: Limits = field(default_factory=Limits)

    def warm(self) -> None:
        """Do nothing."""

    @contextmanager
    def job(self, _size: int) -> Iterator["MemoryKitchen"]:
        yield self

    def render(self, data: bytes, renditions: Sequence[Rendition]) -> Rendered:
        return render(data, renditions, self.limits)
