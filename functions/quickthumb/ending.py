"""Ends jobs: commits or gives them up, publishes their end, or cleans up after a deletion."""

import logging

from quickthumb import logs
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.manifest import Manifest, Tombstone
from quickthumb.documents.names import is_named_by_id
from quickthumb.messaging import Topic
from quickthumb.problems import Unprocessable
from quickthumb.store import Store
from quickthumb.store.results import Kept

log = logging.getLogger(__name__)


def commit(made: Manifest, kept: Kept | None, store: Store) -> Manifest | Tombstone:
    """Write the manifest of a job; return how the job ended, if somebody else was first.

    Args:
        made: the manifest.
        kept: what was read before, and is to be replaced; None if nothing was.
        store: where to write it.
    """
    while not store.results.put(made, kept):
        kept = store.results.read(made.id)
        if kept and not kept.yields_to(made.generation):
            return kept.end
    return made


def give_up(
    job: Job, reason: Unprocessable, store: Store, completed: Topic, service: str | None = None
) -> None:
    """Mark a job as failed unless it has ended already, and publish its end.

    Args:
        job: the job.
        reason: why it is given up.
        store: where its end is written.
        completed: topic of ends.
        service: public URL of the service; see `publish`.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; the call can be repeated.
    """
    current = store.originals.current(job)
    end: Manifest | Tombstone | None
    if current is None:
        end = without_original(job, store)
    else:
        end = Manifest.failed(current, reason)
        if not store.results.put(end):
            kept = store.results.read(job.id)
            if kept and kept.end != Manifest.unreadable(job.id):
                end = kept.end
    if not isinstance(end, Manifest):
        clean_up(end, store)
        return
    publish(end, job, completed, service)
    code = end.failure.code if end.failure else None
    log.warning(
        "%s %s: %s", end.state, job.id, reason, extra=logs.fields(event=end.state, code=code)
    )


def without_original(job: Job, store: Store) -> Manifest | Tombstone | None:
    """Return how a job ended whose original is missing; None if it was replaced before.

    Unless a sweep dropped the original, or another upload replaced it since, somebody deleted it.
    Then the upload is deleted.
    """
    while True:
        kept = store.results.read(job.id)
        if kept and (isinstance(kept.end, Tombstone) or kept.end.dropped):
            return kept.end
        if kept and store.results.was_dropped(job.id):
            return kept.end
        own = is_named_by_id(job.id, job.name)
        if (kept or own) and store.originals.exists(job.name):
            return kept.end if kept else None
        tombstone = Tombstone(job.id, job.name, job.generation)
        if store.results.put(tombstone, kept):
            return tombstone


def clean_up(end: Tombstone | None, store: Store) -> None:
    """Delete the thumbnails of a deleted upload; its original is left to `sweep`."""
    if end:
        store.results.clear(end.id)
        log.info("upload %s was deleted: deleted its thumbnails", end.id)


def publish(manifest: Manifest, job: Job, completed: Topic, service: str | None = None) -> None:
    """Publish the end of a job.

    Args:
        manifest: how it ended.
        job: the job.
        completed: topic of ends.
        service: public URL of the service, for links; None if it is unknown.

    Raises:
        NotPublished: Pub/Sub did not accept it.
    """
    body = manifest.as_event(service)
    completed.publish(body, schema=SCHEMA, id=job.id, state=manifest.state)
