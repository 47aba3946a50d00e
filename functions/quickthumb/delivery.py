"""Reads the job of a message."""

from quickthumb import logs
from quickthumb.documents.arrival import Arrival
from quickthumb.documents.job import Job
from quickthumb.documents.names import is_folder
from quickthumb.messaging import Message


def job_of(message: Message, bucket: str) -> Job | None:
    """Read the job of a message, and label the log lines that follow with it.

    Args:
        message: a job of ours, or a notification of Cloud Storage.
        bucket: of the originals.

    Returns:
        The job; None for the placeholder of a folder, which needs no processing.

    Raises:
        InvalidMessage: the message is neither, or is about another bucket.
    """
    logs.about(None)  # not the previous job of this thread
    arrival = Arrival.from_attributes(message.attributes)
    job = (arrival.job if arrival else Job.from_json(message.data)).within(bucket)
    logs.about(job.id)
    return None if is_folder(job.name) else job
