"""Accepts uploads: checks a picture, stores it, publishes its job."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from quickthumb import logs
from quickthumb.documents.announcement import Announcement
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.metadata import Metadata
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.messaging import Topic
from quickthumb.problems import EmptyFile, KeyReused, Unavailable, Unprocessable
from quickthumb.store import Store, lifetimes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file.

    Attributes:
        filename: as sent, or empty; never used as a path.
        data: its content.
    """

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shared:
    """An upload that several attempts may make under one id, since they are idempotent.

    Attributes:
        begun: when this attempt began, seconds of `time.time`.
        alone_until: when others may begin to take over, by the same clock.
    """

    begun: float
    alone_until: float

    def check(self) -> None:
        """Check that this attempt is not too old to store anything. Raises `Unavailable`."""
        lifetimes.check(self.begun)

    def may_be_deleted(self) -> bool:
        """Return whether another attempt may have been answered, and its upload deleted."""
        return time.time() >= self.alone_until


def expect(
    id: str,
    announced: Announcement,
    renditions: Sequence[Rendition],
    store: Store,
    origin: str | None,
    shared: Shared | None = None,
    metadata: Metadata | None = None,
) -> str:
    """Return the URL of a resumable upload for a picture that is too large for this service.

    Anyone who has the URL can write this one blob. Nothing is stored until the blob is complete;
    then Cloud Storage notifies `resize`.

    Args:
        id: of the upload; unique.
        announced: the upload.
        renditions: the thumbnails to make.
        store: where it will be stored.
        origin: of the web page that will send it; None if no browser does.
        shared: if there may be several attempts with this id.
        metadata: of the application.

    Raises:
        Unavailable: Cloud Storage is unavailable.
        KeyReused: another attempt was answered, and its upload deleted since.
    """
    logs.about(id)
    if shared:
        shared.check()
        if shared.may_be_deleted() and store.is_deleted(id):
            raise _deleted()
    about = (announced.size, announced.content_type, announced.filename)
    url = store.originals.expect(id, *about, tuple(renditions), origin, metadata)
    log.info(
        "expecting %s: %s, %d bytes",
        *(id, announced.content_type, announced.size),
        extra=logs.fields(event="expected", bytes_in=announced.size),
    )
    return url


def is_acceptable(file: File, limits: Limits) -> bool:
    """Return whether a picture is worth storing, by its header, as `accept` checks it."""
    try:
        return bool(file.data) and probe(file.data, limits) is not None
    except Unprocessable:
        return False


def accept(
    id: str,
    file: File,
    renditions: Sequence[Rendition],
    store: Store,
    uploads: Topic,
    limits: Limits,
    shared: Shared | None = None,
    metadata: Metadata | None = None,
) -> Job:
    """Store a picture and publish its job; once this returns, the upload cannot be lost.

    Args:
        id: of the upload; unique.
        file: the picture.
        renditions: the thumbnails to make.
        store: where to store it.
        uploads: topic of jobs.
        limits: of a picture.
        shared: if there may be several attempts with this id.
        metadata: of the application.

    Raises:
        EmptyFile: the file is empty.
        Unprocessable: its header shows that it cannot be processed.
        Unavailable: it could not be stored or published. The upload is then deleted if possible,
            unless it is `shared`: another attempt may have accepted it, so it is left to the next
            attempt or `sweep`.
        KeyReused: another attempt was answered, and its upload deleted since.
    """
    if not file.data:
        raise EmptyFile("The file is empty.")
    source = probe(file.data, limits)
    logs.about(id)
    if shared:
        shared.check()
    try:
        job = store.originals.keep(
            id, file.data, source.content_type, file.filename, tuple(renditions), metadata
        )
        if shared and shared.may_be_deleted() and store.is_deleted(id):
            _take_back(id, store)
            raise _deleted()
        uploads.publish(job.to_json(), schema=SCHEMA)
    except Unavailable:
        # Even if storing failed: perhaps only the response was lost.
        if shared is None:
            _take_back(id, store)
        raise
    log.info(
        "accepted %s: %s, %d bytes",
        *(job.id, source.content_type, len(file.data)),
        extra=logs.fields(
            event="accepted", content_type=source.content_type, bytes_in=len(file.data)
        ),
    )
    return job


def _deleted() -> KeyReused:
    return KeyReused(
        "The upload of the earlier request with this Idempotency-Key was deleted: use a new key to "
        "upload it again."
    )


def _take_back(id: str, store: Store) -> None:
    """Delete an upload that was not accepted, or leave it to `sweep`."""
    try:
        store.take_back(id)
    except Unavailable as error:
        log.error("upload %s was not accepted and could not be deleted: %s", id, error)
