"""Reasons to refuse a request. The API answers each with its gRPC status code."""

from collections.abc import Iterable


class PubsubError(Exception):
    """Base of all these errors; its text is the status message that the client receives."""

    code = "INTERNAL"


class NotFound(PubsubError):
    """The topic, subscription or snapshot does not exist."""

    code = "NOT_FOUND"

    def __init__(self, resource: str) -> None:
        super().__init__(f"Resource not found (resource={resource.rpartition('/')[2]}).")


class AlreadyExists(PubsubError):
    """A topic, subscription or snapshot of this name already exists."""

    code = "ALREADY_EXISTS"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"Resource already exists in the project (resource={resource.rpartition('/')[2]})."
        )


class InvalidArgument(PubsubError):
    """The request violates a rule of the API; the text names the rule and the value."""

    code = "INVALID_ARGUMENT"


class FailedPrecondition(PubsubError):
    """The request is valid, but not in the current state of the resource."""

    code = "FAILED_PRECONDITION"


class Unimplemented(PubsubError):
    """Production supports this, but this broker does not."""

    code = "UNIMPLEMENTED"


class StaleAckIds(PubsubError):
    """With exactly-once delivery: the lease of some ack ids has ended.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
    """

    code = "INVALID_ARGUMENT"

    def __init__(self, ack_ids: Iterable[str]) -> None:
        super().__init__(
            "Some acknowledgement ids in the request were invalid. This could be because the"
            " acknowledgement ids have expired or the acknowledgement ids were malformed."
        )
        self.ack_ids = list(ack_ids)


class Unavailable(PubsubError):
    """The broker is stopping, or cannot do this at the moment; clients retry."""

    code = "UNAVAILABLE"


class JournalFailed(Unavailable):
    """The data folder cannot be written; recent changes are in memory only."""
