"""The story of a dead letter: a job that failed every delivery ends as failed, and says so.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import logging
import re

from quickthumb import logs
from quickthumb.documents.job import SCHEMA, Job
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.names import is_folder
from quickthumb.messaging import Message, Topic
from quickthumb.problems import GaveUp, InvalidMessage, Unprocessable
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
        job = job_of(message, store.bucket)
    except InvalidMessage as error:
        # Nobody can read it later either. If it was about an upload, `sweep` sees to that.
        log.error("dead letter %s: %s", message.id, error)
        return
    logs.about(job.id)
    if is_folder(job.name):
        return
    reason = GaveUp(
        f"The picture could not be done in {_attempts(message)} attempts. It may still be tried "
        "again later; you can also send it again."
    )
    give_up(job, reason, store, completed)


def give_up(job: Job, reason: Unprocessable, store: Store, completed: Topic) -> None:
    """End a job as failed unless it has ended already, and tell of its end.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be called again.
    """
    manifest = store.give_up(Manifest.failed(job, reason))
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


def _attempts(message: Message) -> str:
    """Return how often a message was delivered before it was moved to the dead letters."""
    told = message.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "")
    return told if re.fullmatch("[0-9]{1,3}", told) else "several"
