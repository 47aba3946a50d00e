"""The story of a dead letter: a job that failed every delivery ends as failed, and says so.

Raising asks Pub/Sub to deliver the message again; returning acknowledges it.
"""

import logging
import re

from quickthumb.delivery import job_of
from quickthumb.ending import give_up
from quickthumb.messaging import Message, Topic
from quickthumb.problems import GaveUp, InvalidMessage
from quickthumb.store import Store

log = logging.getLogger(__name__)


def bury(message: Message, store: Store, completed: Topic) -> None:
    """End the job of a dead letter.

    Raises:
        Unavailable: Cloud Storage or Pub/Sub did not answer; to be delivered again.
    """
    try:
        job = job_of(message, store.originals.bucket)
    except InvalidMessage as error:
        # Nobody can read it later either. If it was about an upload, `sweep` sees to that.
        log.error("dead letter %s: %s", message.id, error)
        return
    if job is None:
        return
    reason = GaveUp(
        f"The picture could not be processed in {_attempts(message)} attempts. It may still be "
        "tried again later; you can also send it again."
    )
    give_up(job, reason, store, completed)


def _attempts(message: Message) -> str:
    """Return how often a message was delivered before it was moved to the dead letters."""
    told = message.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "")
    return told if re.fullmatch("[0-9]{1,3}", told) else "several"
