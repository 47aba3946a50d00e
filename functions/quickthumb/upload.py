"""The story of an upload: look at it, keep it, ask for its thumbnails."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from quickthumb import logs
from quickthumb.errors import EmptyFile, Unavailable
from quickthumb.imaging import Limits, probe
from quickthumb.jobs import SCHEMA, Job, Rendition, new_id
from quickthumb.messaging import Topic
from quickthumb.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent.

    Attributes:
        filename: as the sender calls it, empty if not at all; never used as a path.
        data: its bytes.
    """

    filename: str
    data: bytes


def accept(
    file: File, renditions: Sequence[Rendition], store: Store, uploads: Topic, limits: Limits
) -> Job:
    """Store a picture and publish its job; once this returns, the upload is not lost.

    Raises:
        EmptyFile: the file has no bytes.
        Unprocessable: its header shows that it cannot be done.
        Unavailable: it could not be stored or published; nothing is left behind, as far as Cloud
            Storage could still be reached.
    """
    if not file.data:
        raise EmptyFile("The file is empty.", field="file")
    source = probe(file.data, limits)
    id = new_id()
    logs.about(id)
    try:
        job = store.keep_original(
            id, file.data, source.content_type, file.filename, tuple(renditions)
        )
        uploads.publish(job.to_json(), schema=SCHEMA)
    except Unavailable:
        # Also where it was the original that could not be stored: perhaps it was, and only the
        # answer was lost.
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
        store.drop_original(id)
    except Unavailable as error:
        log.error("original %s was not accepted and could not be deleted: %s", id, error)
