"""Reasons to refuse a request. The API answers each with its gRPC status code."""

from collections.abc import Mapping


class PubsubError(Exception):
    """Base of all these errors; its text is the status message that the client receives."""

    code = "INTERNAL"


class NotFound(PubsubError):
    """The topic, subscription, snapshot or schema does not exist."""

    code = "NOT_FOUND"

    def __init__(self, resource: str) -> None:
        super().__init__(f"Resource not found (resource={resource.rpartition('/')[2]}).")


class AlreadyExists(PubsubError):
    """A topic, subscription, snapshot or schema of this name already exists."""

    code = "ALREADY_EXISTS"

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"Resource already exists in the project (resource={resource.rpartition('/')[2]})."
        )


class InvalidArgument(PubsubError):
    """The request violates a rule of the API; the text names the rule and the value."""

    code = "INVALID_ARGUMENT"


class SchemaMismatch(InvalidArgument):
    """A message does not fit the schema of its topic.

    Attributes:
        reason: What client libraries report, with the encoding and the language.
        detail: What does not fit.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__("Invalid data in message: Message failed schema validation.")
        self.reason = reason
        self.detail = detail


class Aborted(PubsubError):
    """The resource has changed since the client read it; it may read it again, and retry."""

    code = "ABORTED"


class ResourceExhausted(PubsubError):
    """A limit is reached."""

    code = "RESOURCE_EXHAUSTED"


class FailedPrecondition(PubsubError):
    """The request is valid, but not in the current state of the resource."""

    code = "FAILED_PRECONDITION"


class Unimplemented(PubsubError):
    """Production supports this, but this broker does not."""

    code = "UNIMPLEMENTED"


class AckIdsRefused(PubsubError):
    """With exactly-once delivery: some ack ids were not acknowledged or modified.

    Attributes:
        reasons: By ack id, `STALE` or `OUT_OF_TURN`, which client libraries understand.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
    """

    code = "INVALID_ARGUMENT"

    STALE = "PERMANENT_FAILURE_INVALID_ACK_ID"
    OUT_OF_TURN = "TRANSIENT_FAILURE_UNORDERED_ACK_ID"

    def __init__(self, reasons: Mapping[str, str]) -> None:
        stale = "The leases of some ack ids have ended, or the ack ids are of another subscription."
        early = (
            "Some ack ids are of messages whose predecessors of the same ordering key are not"
            " acknowledged yet."
        )
        kinds = set(reasons.values())
        super().__init__(
            " ".join([stale] * (self.STALE in kinds) + [early] * (self.OUT_OF_TURN in kinds))
        )
        self.reasons = reasons


class Unavailable(PubsubError):
    """The broker is stopping, or cannot do this at the moment; clients retry."""

    code = "UNAVAILABLE"


class JournalFailed(Unavailable):
    """The data folder cannot be written; recent changes are in memory only."""
