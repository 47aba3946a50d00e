"""Handles jobs: fetches the original, makes its thumbnails, commits them, publishes the end.

Raising makes Pub/Sub redeliver the message; returning acknowledges it.
"""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

from quickthumb import logs, tracing
from quickthumb.delivery import job_of
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Manifest, Original, Thumbnail
from quickthumb.ending import delete_if_gone, publish
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import Message, Topic
from quickthumb.pictures import Picture
from quickthumb.problems import TooManyBytes, Unprocessable
from quickthumb.settings import Settings
from quickthumb.store import Store

log = logging.getLogger(__name__)


def resize(
    message: Message, store: Store, completed: Topic, settings: Settings, kitchen: Kitchen
) -> None:
    """Do the job of a message; idempotent, whether deliveries are repeated, late or parallel.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable, or no decoder process could start; to
            be redelivered.
        InvalidMessage: the message is neither a job of this version nor a notification of Cloud
            Storage, or is about another bucket; to be redelivered, and finally moved to the
            dead-letter topic.
    """
    started = datetime.now(UTC)
    job = job_of(message, store.originals.bucket)
    if job is None:
        return
    manifest = store.results.manifest(job.id)
    if manifest is None or not manifest.ends(job):
        made = _make(job, store, settings, kitchen)
        # The status of an upload that was just deleted must not reappear, not even briefly.
        if made and store.originals.exists(job.name):
            store.results.put_manifest(made)
            manifest = made
    # A deletion starts with the original, and may miss results written since, by this delivery or
    # an interrupted one.
    if delete_if_gone(job, store.originals.exists(job.name), store):
        return
    if manifest is None or not manifest.ends(job):
        log.warning("original %s was replaced: nothing to do", job.id)
        return
    publish(manifest, job, completed)
    log.info("%s %s", manifest.state, job.id, extra=_figures(manifest, message, started))


def _make(job: Job, store: Store, settings: Settings, kitchen: Kitchen) -> Manifest | None:
    """Write the thumbnails of a job; return its manifest, or None if the original was deleted."""
    requested = job if job.renditions else store.originals.requested(job, settings.menu.standard)
    if requested is None:
        return None
    try:
        if requested.size > settings.max_original_bytes:  # may not fit in memory
            raise TooManyBytes(
                f"The picture has {requested.size:,} bytes: "
                f"at most {settings.max_original_bytes:,} are accepted."
            )
        kitchen.warm()  # start while the original is fetched
        data = store.originals.read(requested)
        if data is None:
            return None
        with tracing.span("make thumbnails", bytes=len(data)):
            rendered = kitchen.render(data, requested.renditions)
    except Unprocessable as error:
        return Manifest.failed(job, error)
    source = rendered.source
    return Manifest(
        job.id,
        job.name,
        job.generation,
        Original(source.content_type, source.width, source.height, source.orientation, len(data)),
        tuple(_put(job.id, picture, store) for picture in rendered.thumbnails),
        placeholder=rendered.placeholder,
        filename=requested.filename,
    )


def _put(id: str, picture: Picture, store: Store) -> Thumbnail:
    blob = f"{id}/{picture.name}.{picture.extension}"
    store.results.put_thumbnail(blob, picture.data, picture.content_type)
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
    """Return the metrics of a job that has ended, as fields of its log line."""
    published = message.published
    return logs.fields(
        event=manifest.state,
        code=manifest.failure.code if manifest.failure else None,
        queue_seconds=(started - published).total_seconds() if published else None,
        work_seconds=(datetime.now(UTC) - started).total_seconds(),
        bytes_in=manifest.original.bytes if manifest.original else None,
        bytes_out=sum(thumb.bytes for thumb in manifest.thumbnails),
    )
