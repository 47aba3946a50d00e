"""Ends jobs: gives them up, publishes their end, or deletes what is left of them."""

import logging

from quickthumb import logs
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.manifest import Manifest
from quickthumb.messaging import Topic
from quickthumb.problems import Unprocessable
from quickthumb.store import Store

log = logging.getLogger(__name__)


def give_up(job: Job, reason: Unprocessable, store: Store, completed: Topic) -> None:
    """Mark a job as failed unless it has ended already, and publish its end.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; the call can be repeated.
    """
    manifest = store.results.give_up(Manifest.failed(job, reason))
    if delete_if_gone(job, store.originals.is_current(job), store):
        return
    publish(manifest, job, completed)
    code = manifest.failure.code if manifest.failure else None
    log.warning(
        "%s %s: %s",
        *(manifest.state, job.id, reason),
        extra=logs.fields(event=manifest.state, code=code),
    )


def delete_if_gone(job: Job, is_there: bool, store: Store) -> bool:
    """Delete the results of a job if its upload was deleted by a user; return whether it was.

    Args:
        job: the job.
        is_there: whether the original exists; if not, a user deleted it, or a sweep dropped it.
        store: contains the results.
    """
    if is_there or store.results.was_dropped(job.id):
        return False
    store.results.delete(job.id)
    log.info("original %s was deleted: deleted its thumbnails", job.id)
    return True


def publish(manifest: Manifest, job: Job, completed: Topic) -> None:
    """Publish the end of a job. Raises `NotPublished`."""
    completed.publish(manifest.to_json(), schema=SCHEMA, id=job.id, state=manifest.state)
