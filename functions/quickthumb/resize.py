"""Handles jobs: fetches the original, makes its thumbnails, commits them, publishes the end.

A job takes four calls one after another, however many thumbnails it has. They are safe because the
manifest is written on the condition that there is none, and a deletion leaves a tombstone in its
place.

Raising makes Pub/Sub redeliver the message; returning acknowledges it.
"""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

from quickthumb import logs, tracing
from quickthumb.delivery import job_of
from quickthumb.documents.job import RETRY, Job
from quickthumb.documents.manifest import Manifest, Original, Thumbnail, Tombstone
from quickthumb.ending import clean_up, commit, publish, without_original
from quickthumb.growing import grow
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import Message, Topic
from quickthumb.pictures import Picture, Rendered
from quickthumb.problems import TooManyBytes, Unprocessable
from quickthumb.settings import Settings
from quickthumb.store import Store, lifetimes

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
    if job.grows:
        _grow(job, store, completed, settings, kitchen, started)
        return
    kept = None if _is_new(message) else store.results.read(job.id)
    end: Manifest | Tombstone | None
    if kept is None or kept.yields_to(job.generation):
        made = _make(job, store, settings, kitchen, started.timestamp())
        end = commit(made, kept, store) if made else without_original(job, store)
    elif isinstance(kept.end, Manifest) and not store.originals.exists(job.name):
        end = without_original(job, store)
    else:
        end = kept.end
    if isinstance(end, Tombstone):
        clean_up(end, store)
        return
    if end is None or not end.ends(job):
        log.warning("original %s was replaced: nothing to do", job.id)
        return
    publish(end, job, completed, settings.public_url)
    log.info("%s %s", end.state, job.id, extra=_figures(end, message, started))


def _grow(
    job: Job,
    store: Store,
    completed: Topic,
    settings: Settings,
    kitchen: Kitchen,
    started: datetime,
) -> None:
    """Do a job of wishes, then forget them."""

    def make(wanted: Job) -> Manifest | None:
        return _make(wanted, store, settings, kitchen, started.timestamp())

    end = grow(job, store, settings.menu.standard, make)
    if isinstance(end, Tombstone):
        clean_up(end, store)
    if isinstance(end, Manifest):
        publish(end, job, completed, settings.public_url)
        store.wishes.forget(job)
        names = ", ".join(rendition.name for rendition in job.renditions)
        seconds = (datetime.now(UTC) - started).total_seconds()
        fields = logs.fields(event="grown", work_seconds=seconds)
        log.info("added %s to %s", names, job.id, extra=fields)


def _is_new(message: Message) -> bool:
    """Return whether this is the first delivery of the first message of a job.

    Such jobs have not ended, but for a few, which are noticed when the manifest is written. A job
    that waited so long that `sweep` published it again has often ended when that message arrives.
    """
    return message.attempt == 1 and RETRY not in message.attributes


def _make(
    job: Job, store: Store, settings: Settings, kitchen: Kitchen, begun: float
) -> Manifest | None:
    """Write the thumbnails of a job; return its manifest, or None if the original is missing."""
    requested = job if job.renditions else store.originals.requested(job, settings.menu.standard)
    if requested is None:
        return None
    try:
        if requested.size > settings.max_original_bytes:  # may not fit in memory
            raise TooManyBytes(
                f"The picture has {requested.size:,} bytes: "
                f"at most {settings.max_original_bytes:,} are accepted."
            )
        with kitchen.job(requested.size) as held:
            kitchen.warm()  # start while the original is fetched
            data = store.originals.read(requested)
            if data is None:
                return None
            with tracing.span("make thumbnails", bytes=len(data)):
                renditions = [each for asked in requested.renditions for each in asked.made]
                rendered = held.render(data, renditions)
            return _stored(requested, rendered, len(data), store, begun)
    except Unprocessable as error:
        lifetimes.check(begun)
        return Manifest.failed(requested, error)


def _stored(job: Job, rendered: Rendered, size: int, store: Store, begun: float) -> Manifest:
    """Write the thumbnails of an original of that many bytes; return the manifest."""
    source = rendered.source
    manifest = Manifest(
        job.id,
        job.name,
        job.generation,
        Original(source.content_type, source.width, source.height, source.orientation, size),
        tuple(_thumbnail(job.id, picture) for picture in rendered.thumbnails),
        placeholder=rendered.placeholder,
        filename=job.filename,
        metadata=job.metadata,
    )
    lifetimes.check(begun)
    store.results.put_thumbnails(manifest, [picture.data for picture in rendered.thumbnails])
    lifetimes.check(begun)
    return manifest


def _thumbnail(id: str, picture: Picture) -> Thumbnail:
    return Thumbnail(
        picture.name,
        f"{id}/{picture.name}.{picture.extension}",
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
