"""What a request can be refused for. The gRPC door answers each with its status code."""

from collections.abc import Iterable


class PubsubError(Exception):
    """Base of every refusal; its text is the status message that the client reads."""

    code = "INTERNAL"


class NotFound(PubsubError):
    """The topic or subscription does not exist."""

    code = "NOT_FOUND"

    def __init__(self, resource: str) -> None:
        super().__init__(f"Resource not found (resource={resource.rpartition('/')[2]}).")


class AlreadyExists(PubsubError):
    """A topic or subscription of this name is there already."""

    code = "ALREADY_EXISTS"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"Resource already exists in the project (resource={resource.rpartition('/')[2]})."
        )


class InvalidArgument(PubsubError):
    """The request breaks a rule of the API; the text names the rule and the value."""

    code = "INVALID_ARGUMENT"


class FailedPrecondition(PubsubError):
    """The request is fine, but not in the state that the resource is in."""

    code = "FAILED_PRECONDITION"


class Unimplemented(PubsubError):
    """Production can do it, this broker does not."""

    code = "UNIMPLEMENTED"


class StaleAckIds(PubsubError):
    """With exactly-once delivery: ack ids whose lease is over were used.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
    """

    code = "INVALID_ARGUMENT"

    def __init__(self, ack_ids: Iterable[str]) -> None:
        super().__init__(
            "Some acknowledgement ids in the request were invalid. This could be because the"
            " acknowledgement ids have expired or the acknowledgement ids were malformed."
        )
        self.ack_ids = list(ack_ids)


class JournalFailed(PubsubError):
    """The data folder cannot be written: what happened since is in memory only.

    Clients try again what is UNAVAILABLE, and succeed once the journal can be written.
    """

    code = "UNAVAILABLE"
