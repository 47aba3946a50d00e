"""The story of a job: fetch the original, make its thumbnails, commit them, tell of it.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

from quickthumb import logs, tracing
from quickthumb.errors import TooManyBytes, Unprocessable
from quickthumb.imaging import Picture, render
from quickthumb.jobs import SCHEMA, Arrival, Failure, Job, Manifest, Original, Thumbnail
from quickthumb.messaging import Message, Topic
from quickthumb.settings import Settings
from quickthumb.store import Store

log = logging.getLogger(__name__)


def resize(message: Message, store: Store, completed: Topic, settings: Settings) -> None:
    """Do the job of a message; doing it again, late or in parallel leaves the same.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be delivered again.
        InvalidMessage: the message is neither a job of this version nor a notification of Cloud
            Storage; to be delivered again, and kept in the dead-letter topic in the end.
    """
    started = datetime.now(UTC)
    logs.about(None)  # no longer what this thread did before
    job = _ordered(message, store, settings)
    if job is None:
        log.warning("message %s: its original is gone or replaced: nothing to do", message.id)
        return
    logs.about(job.id)
    manifest = store.manifest(job.id)
    if manifest is None or manifest.generation != job.generation:
        manifest = _make(job, store, settings)
        if manifest is None:
            log.warning("original %s is gone: nothing to do", job.id)
            return
        store.put_manifest(manifest)
        # Whoever deletes an upload deletes the original first. If that happened while this ran,
        # it may have missed what was written since.
        if not store.has_original(job):
            store.delete_results(job.id)
            log.info("original %s was deleted meanwhile: so are its thumbnails", job.id)
            return
    completed.publish(manifest.to_json(), schema=SCHEMA, id=job.id, state=manifest.state)
    log.info("%s %s", manifest.state, job.id, extra=_figures(manifest, message, started))


def _ordered(message: Message, store: Store, settings: Settings) -> Job | None:
    """Read the job of a message: one of ours, or what Cloud Storage tells of a new blob."""
    arrival = Arrival.from_attributes(message.attributes)
    if arrival is None:
        return Job.from_json(message.data)
    return store.arrived(arrival, settings.renditions)


def _make(job: Job, store: Store, settings: Settings) -> Manifest | None:
    """Write the thumbnails of a job and return its manifest, which is not yet written.

    None tells that there is no original any more.
    """
    try:
        _check_size(job, settings)
        data = store.original(job)
        if data is None:
            return None
        with tracing.span("make thumbnails", bytes=len(data)):
            rendered = render(data, job.renditions, settings.limits)
    except Unprocessable as error:
        failure = Failure(error.code, str(error))
        return Manifest(job.id, job.name, job.generation, failure=failure)
    source = rendered.source
    return Manifest(
        job.id,
        job.name,
        job.generation,
        Original(source.content_type, source.width, source.height, source.orientation, len(data)),
        tuple(_put(job.id, picture, store) for picture in rendered.thumbnails),
        placeholder=rendered.placeholder,
    )


def _check_size(job: Job, settings: Settings) -> None:
    """Refuse an original that would not fit into memory, before it is fetched."""
    if job.size > settings.max_original_bytes:
        raise TooManyBytes(
            f"The picture has {job.size:,} bytes: "
            f"at most {settings.max_original_bytes:,} are accepted."
        )


def _put(id: str, picture: Picture, store: Store) -> Thumbnail:
    blob = f"{id}/{picture.name}.{picture.extension}"
    store.put_thumbnail(blob, picture.data, picture.content_type)
    return Thumbnail(
        picture.name,
        blob,
        picture.content_type,
        picture.width,
        picture.height,
        len(picture.data),
        hashlib.sha256(picture.data).hexdigest(),
    )


def _figures(manifest: Manifest, message: Message, started: datetime) -> dict[str, Any]:
    """Return what to count of a job that has ended, as fields of its log line."""
    published = message.published
    return logs.fields(
        event=manifest.state,
        code=manifest.failure.code if manifest.failure else None,
        queue_seconds=(started - published).total_seconds() if published else None,
        work_seconds=(datetime.now(UTC) - started).total_seconds(),
        bytes_in=manifest.original.bytes if manifest.original else None,
        bytes_out=sum(thumb.bytes for thumb in manifest.thumbnails),
    )
