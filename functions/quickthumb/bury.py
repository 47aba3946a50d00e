"""The story of a dead letter: a job that failed every delivery ends as failed, and says so.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import logging

from quickthumb import logs
from quickthumb.errors import GaveUp, InvalidMessage, Unprocessable
from quickthumb.jobs import SCHEMA, Job, Manifest
from quickthumb.messaging import Message, Topic
from quickthumb.resize import job_of
from quickthumb.store import Store

log = logging.getLogger(__name__)


def bury(message: Message, store: Store, completed: Topic) -> None:
    """End the job of a dead letter.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be delivered again.
    """
    logs.about(None)  # no longer what this thread did before
    try:
        job = job_of(message)
    except InvalidMessage as error:
        # Nobody can read it later either. If it was about an upload, `sweep` sees to that.
        log.error("dead letter %s: %s", message.id, error)
        return
    logs.about(job.id)
    attempts = message.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "several")
    give_up(
        job,
        GaveUp(f"The picture could not be done in {attempts} attempts. Send it again later."),
        store,
        completed,
    )


def give_up(job: Job, reason: Unprocessable, store: Store, completed: Topic) -> None:
    """End a job as failed unless it has ended already, and tell of its end.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be called again.
    """
    manifest = store.add_manifest(Manifest.failed(job, reason))
    # If it was deleted by its user, nothing may be left of it.
    if not store.has_original(job) and not store.was_dropped(job.id):
        store.delete_results(job.id)
        log.info("original %s is gone: so are its thumbnails", job.id)
        return
    completed.publish(manifest.to_json(), schema=SCHEMA, id=job.id, state=manifest.state)
    code = manifest.failure.code if manifest.failure else None
    log.warning(
        "%s %s: %s",
        *(manifest.state, job.id, reason),
        extra=logs.fields(event=manifest.state, code=code),
    )
