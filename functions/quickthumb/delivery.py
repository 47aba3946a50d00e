"""Which job a message delivers."""

from quickthumb import logs
from quickthumb.documents.arrival import Arrival
from quickthumb.documents.job import Job
from quickthumb.documents.names import is_folder
from quickthumb.messaging import Message


def job_of(message: Message, bucket: str) -> Job | None:
    """Read the job of a message, ours or a notification of Cloud Storage; the log is about it now.

    Args:
        message: as it was delivered.
        bucket: where the originals are kept.

    Returns:
        The job; None for a folder that a console made, of which there is nothing to do.

    Raises:
        InvalidMessage: it is neither, of this version, or is about another bucket.
    """
    logs.about(None)  # no longer what this thread did before
    arrival = Arrival.from_attributes(message.attributes)
    job = (arrival.job if arrival else Job.from_json(message.data)).within(bucket)
    logs.about(job.id)
    return None if is_folder(job.name) else job
