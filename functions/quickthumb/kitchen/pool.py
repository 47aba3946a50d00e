"""The kitchen of an instance: its children, and the memory that its jobs share."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen.child import COOK, Child, Cook
from quickthumb.kitchen.confinement import largest_bytes
from quickthumb.kitchen.job import Job
from quickthumb.kitchen.room import Room
from quickthumb.limits import JOBS_BYTES, Limits
from quickthumb.pictures import Rendered
from quickthumb.problems import InvalidSetting


class Kitchen:
    """Decodes pictures in child processes; thread-safe.

    Children are started on demand, and kept. Jobs share the memory of the instance:

    - Originals are held in one part of it, from before they are fetched.
    - The other part is for decoding, and for thumbnails until they are stored. It suffices for the
      largest job alone, so every job is done sooner or later.

    A job waits for the one before it fetches, and for the other before it decodes, each first come,
    first served. While it waits for the second, jobs that have some of it only go on or end. So no
    two jobs wait for each other.

    Args:
        limits: of a picture.
        children: maximum number of children, each decoding one picture at a time.
        memory: that jobs share, bytes.
        cook: what the children run.

    Attributes:
        limits: of a picture.
        seconds: how long a picture may take. Its time limit is in processor time, and the children
            and the process that serves requests may share a processor.
        idle: the children that have nothing to do.
        originals: memory for originals.
        places: for children that decode.
        door: where one job at a time waits to decode.
        memory: for decoding, and for thumbnails.

    Raises:
        InvalidSetting: the memory does not suffice for the largest job.
    """

    def __init__(
        self,
        limits: Limits,
        children: int = 1,
        memory: int = JOBS_BYTES,
        cook: Cook = COOK,
    ) -> None:
        self.limits = limits
        self.seconds = limits.max_seconds * (children + 1)
        self.idle: list[Child] = []
        largest = largest_bytes(limits)
        if memory <= largest:
            raise InvalidSetting(
                f"QUICKTHUMB_JOBS_BYTES: {memory}: expected more than {largest}, which one job "
                "may take beside its original"
            )
        self.originals = Room(memory - largest)
        self.memory = Room(largest)
        self.places = Room(children)
        self.door = Room(1)
        self._cook = cook
        self._lock = threading.Lock()
        self._closed = False

    def warm(self) -> None:
        """Start a child in advance, unless one is idle or the maximum is reached.

        Raises:
            Unavailable: the system cannot start a process.
        """
        with self._lock:
            if not self.idle and self.places.free and not self._closed:
                self.idle.append(self.child())

    @contextmanager
    def job(self, size: int) -> Iterator[Job]:
        """Wait until there is memory for an original of that many bytes, and hold it for the job.

        Raises:
            TooManyBytes: it does not fit, even alone.
            Unavailable: there is none in time; the job may succeed later.
        """
        job = Job(self, size)
        job.begin()
        try:
            yield job
        finally:
            job.end()

    def render(self, data: bytes, renditions: Sequence[Rendition]) -> Rendered:
        """Make the renditions of a picture that is already here; raises what `Job.render` does."""
        with self.job(len(data)) as job:
            return job.render(data, renditions)

    def child(self) -> Child:
        """Start a child. Raises `Unavailable` if the system cannot."""
        return Child(self.limits, self._cook)

    def take(self) -> Child:
        """Return an idle child, or a new one."""
        with self._lock:
            if self.idle:
                return self.idle.pop()
        return self.child()

    def give_back(self, child: Child) -> None:
        """Keep a child for the next picture, unless it has ended."""
        with self._lock:
            kept = not child.ended and not self._closed
            if kept:
                self.idle.append(child)
        if not kept:
            child.close()

    def close(self) -> None:
        """End idle children now, and the others after their orders."""
        with self._lock:
            self._closed = True
            idle, self.idle = self.idle, []
        for child in idle:
            child.close()
