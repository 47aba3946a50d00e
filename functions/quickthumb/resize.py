"""The story of a job: fetch the original, make its thumbnails, commit them, tell of it.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any

from quickthumb import logs, tracing
from quickthumb.documents.arrival import Arrival
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.manifest import Manifest, Original, Thumbnail
from quickthumb.documents.names import is_folder
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
    """Do the job of a message; doing it again, late or in parallel leaves the same.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer, or there is no process to decode in;
            to be delivered again.
        InvalidMessage: the message is neither a job of this version nor a notification of Cloud
            Storage, or is about another bucket; to be delivered again, and kept in the dead-letter
            topic in the end.
    """
    started = datetime.now(UTC)
    logs.about(None)  # no longer what this thread did before
    job = job_of(message, store.bucket)
    logs.about(job.id)
    if is_folder(job.name):
        return
    manifest = store.manifest(job.id)
    if manifest is None or not manifest.ends(job):
        made = _make(job, store, settings, kitchen)
        # The status of an upload that was deleted meanwhile must not come back, be it for a moment.
        if made and store.has_blob(job.name):
            store.put_manifest(made)
            manifest = made
    # Whoever deletes an upload deletes the original first, and may have missed what was written
    # since, by this delivery or by one that was cut off.
    if not store.has_blob(job.name) and not store.was_dropped(job.id):
        store.delete_results(job.id)
        log.info("original %s is gone: so are its thumbnails", job.id)
    elif manifest is None or not manifest.ends(job):
        log.warning("original %s was replaced: nothing to do", job.id)
    else:
        completed.publish(manifest.to_json(), schema=SCHEMA, id=job.id, state=manifest.state)
        log.info("%s %s", manifest.state, job.id, extra=_figures(manifest, message, started))


def job_of(message: Message, bucket: str) -> Job:
    """Read the job of a message: one of ours, or what Cloud Storage tells of a new blob.

    Args:
        message: as it was delivered.
        bucket: where the originals are kept.

    Raises:
        InvalidMessage: it is neither, of this version, or is about another bucket.
    """
    arrival = Arrival.from_attributes(message.attributes)
    job = arrival.job if arrival else Job.from_json(message.data)
    return job.within(bucket)


def _make(job: Job, store: Store, settings: Settings, kitchen: Kitchen) -> Manifest | None:
    """Write the thumbnails of a job and return its manifest, which is not yet written.

    None tells that there is no original any more.
    """
    requested = job if job.renditions else store.read_request(job, settings.menu.standard)
    if requested is None:
        return None
    try:
        _check_size(requested, settings)
        kitchen.warm()  # it starts while the original is on its way
        data = store.original(requested)
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
