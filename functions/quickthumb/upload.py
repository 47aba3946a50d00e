"""The story of an upload: check it, store it, ask for its thumbnails."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from quickthumb import logs
from quickthumb.documents.announcement import Announcement
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.source import probe
from quickthumb.limits import Limits
from quickthumb.messaging import Topic
from quickthumb.problems import EmptyFile, Unavailable
from quickthumb.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent.

    Attributes:
        filename: the name that came with it, or empty; never used as a path.
        data: its bytes.
    """

    filename: str
    data: bytes


def expect(
    id: str,
    announced: Announcement,
    renditions: Sequence[Rendition],
    store: Store,
    origin: str | None,
) -> str:
    """Have Cloud Storage take an upload that is too large for this service; return where.

    The URL is that of a resumable upload, and lets whoever has it write this one blob. Nothing is
    kept before all of its bytes have arrived; then Cloud Storage notifies `resize`.

    Args:
        id: of the upload, not used for any other picture.
        announced: the upload.
        renditions: the thumbnails to make.
        store: where it will be kept.
        origin: of the web page that will send it, None if no browser does.

    Raises:
        Unavailable: Cloud Storage does not answer.
    """
    logs.about(id)
    told = (announced.size, announced.content_type, announced.filename)
    url = store.originals.expect(id, *told, tuple(renditions), origin)
    log.info(
        "expecting %s: %s, %d bytes",
        *(id, announced.content_type, announced.size),
        extra=logs.fields(event="expected", bytes_in=announced.size),
    )
    return url


def accept(
    id: str,
    file: File,
    renditions: Sequence[Rendition],
    store: Store,
    uploads: Topic,
    limits: Limits,
    *,
    repeated: bool = False,
) -> Job:
    """Store a picture and publish its job; once this returns, the upload is not lost.

    Args:
        id: of the upload, not used for any other picture.
        file: the picture.
        renditions: the thumbnails to make.
        store: where it is kept.
        uploads: topic for the job.
        limits: of one picture.
        repeated: whether this may be, or may become, one of several attempts under the same id.
            Doing it again leaves the same.

    Raises:
        EmptyFile: the file has no bytes.
        Unprocessable: its header shows that it cannot be done.
        Unavailable: it could not be stored or published. Nothing is left behind, as far as Cloud
            Storage could still be reached, unless it is `repeated`: then what one attempt has
            stored may be what another one has promised, so it stays, for the next or for `sweep`.
    """
    if not file.data:
        raise EmptyFile("The file is empty.")
    source = probe(file.data, limits)
    logs.about(id)
    try:
        job = store.originals.keep(
            id, file.data, source.content_type, file.filename, tuple(renditions)
        )
        uploads.publish(job.to_json(), schema=SCHEMA)
    except Unavailable:
        # Also where it was the original that could not be stored: perhaps it was, and only the
        # answer was lost.
        if not repeated:
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


def _take_back(id: str, store: Store) -> None:
    """Delete an original that was not accepted; what cannot be deleted is left for `sweep`."""
    try:
        store.originals.delete(id)
    except Unavailable as error:
        log.error("original %s was not accepted and could not be deleted: %s", id, error)
