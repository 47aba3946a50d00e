"""The story of a job: fetch the original, make its thumbnails, commit them, tell of it.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import hashlib
import logging

from quickthumb.errors import Unprocessable
from quickthumb.imaging import Limits, Picture, render
from quickthumb.jobs import SCHEMA, Failure, Job, Manifest, Original, Thumbnail
from quickthumb.messaging import Message, Topic
from quickthumb.store import Store

log = logging.getLogger(__name__)


def resize(message: Message, store: Store, completed: Topic, limits: Limits) -> None:
    """Do the job of a message; doing it again, late or in parallel leaves the same.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be delivered again.
        InvalidMessage: the message is no job of this version; to be delivered again, and kept in
            the dead-letter topic in the end.
    """
    job = Job.from_json(message.data)
    manifest = store.manifest(job.id)
    if manifest is None or manifest.generation != job.generation:
        data = store.original(job)
        if data is None:
            log.warning("original %s is gone: nothing to do", job.id)
            return
        manifest = _make(job, data, store, limits)
        store.put_manifest(manifest)
        # Whoever deletes an upload deletes the original first. If that happened while this ran,
        # it may have missed what was written since.
        if not store.has_original(job):
            store.delete_results(job.id)
            log.info("original %s was deleted meanwhile: so are its thumbnails", job.id)
            return
    completed.publish(manifest.to_json(), schema=SCHEMA, id=job.id, state=manifest.state)
    log.info("%s %s", manifest.state, job.id)


def _make(job: Job, data: bytes, store: Store, limits: Limits) -> Manifest:
    """Write the thumbnails of a job and return its manifest, which is not yet written."""
    try:
        rendered = render(data, job.renditions, limits)
    except Unprocessable as error:
        return Manifest(job.id, job.generation, failure=Failure(error.code, str(error)))
    source = rendered.source
    return Manifest(
        job.id,
        job.generation,
        Original(source.content_type, source.width, source.height, source.orientation, len(data)),
        tuple(_put(job.id, picture, store) for picture in rendered.thumbnails),
        placeholder=rendered.placeholder,
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
