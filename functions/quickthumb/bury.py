"""Handles dead letters: a job whose deliveries all failed is marked as failed.

Raising makes Pub/Sub redeliver the message; returning acknowledges it.
"""

import logging
import re

from quickthumb.delivery import job_of
from quickthumb.documents.manifest import Failure
from quickthumb.ending import give_up
from quickthumb.messaging import Message, Topic
from quickthumb.problems import GaveUp, InvalidMessage
from quickthumb.store import Store

log = logging.getLogger(__name__)


def bury(message: Message, store: Store, completed: Topic, service: str | None = None) -> None:
    """Mark the job of a dead letter as failed.

    Args:
        message: the dead letter.
        store: where its end is written.
        completed: topic of ends.
        service: public URL of the service, for links; None if it is unknown.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub is unavailable; to be redelivered.
    """
    try:
        job = job_of(message, store.originals.bucket)
    except InvalidMessage as error:
        # A redelivery would not help. If it was about an upload, `sweep` publishes it again.
        log.error("dead letter %s: %s", message.id, error)
        return
    if job is None:
        return
    count = message.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "")
    attempts = count if re.fullmatch("[0-9]{1,3}", count) else "several"
    reason = GaveUp(
        f"The picture could not be processed in {attempts} attempts. It may be retried "
        "later; you can also upload it again."
    )
    if job.grows:
        store.wishes.fail(job, Failure(reason.code, str(reason)))
        return
    give_up(job, reason, store, completed, service)
