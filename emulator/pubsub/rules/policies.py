"""The settings of topics and subscriptions that the rules of delivery read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emulator.pubsub.rules.messages import Message

DELETED_TOPIC = "_deleted-topic_"

DAY_SECONDS = 24 * 60 * 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How long a message waits after a failed delivery.

    Attributes:
        minimum: Delay in seconds after the first failure.
        maximum: Longest delay in seconds.
    """

    minimum: float
    maximum: float

    def delay(self, failures: int) -> float:
        """Return the delay in seconds after this many failures (1 or more); it doubles each time.

        https://docs.cloud.google.com/pubsub/docs/handling-failures#exponential_backoff
        """
        # 2.0**1023 is the largest power of two that a float holds.
        return min(self.minimum * 2.0 ** min(failures - 1, 1023), self.maximum)


@dataclass(frozen=True)
class DeadLetterPolicy:
    """Where a message is forwarded after too many failed deliveries.

    Attributes:
        topic: Full name of the dead letter topic.
        max_delivery_attempts: Deliveries before it is forwarded, 5 to 100.
    """

    topic: str
    max_delivery_attempts: int


@dataclass(frozen=True)
class PushTarget:
    """Where and how a push subscription sends its messages.

    Attributes:
        endpoint: URL of the POST requests.
        wrapped: Whether the body is the JSON envelope; if not, it is the data.
        write_metadata: Whether an unwrapped push carries id, time and attributes as headers.
        service_account: Email in the OIDC token; empty for no token.
        audience: `aud` claim of the token.
    """

    endpoint: str
    wrapped: bool = True
    write_metadata: bool = False
    service_account: str = ""
    audience: str = ""


@dataclass(frozen=True)
class ExportTarget:
    """Where and how a Cloud Storage subscription writes its messages.

    Attributes:
        bucket: Name of the bucket.
        prefix: What names of files begin with.
        suffix: What they end with.
        datetime_format: How they tell the time; empty for the default.
        avro: Whether the files are Avro; if not, they are text.
        write_metadata: Whether Avro files have the metadata of messages too.
        max_seconds: How long a file may wait for further messages.
        max_bytes: Size at which a file is complete; None for no limit.
        max_messages: Number of messages at which a file is complete; None for no limit.
    """

    bucket: str
    prefix: str = ""
    suffix: str = ""
    datetime_format: str = ""
    avro: bool = False
    write_metadata: bool = False
    max_seconds: float = 300.0
    max_bytes: int | None = None
    max_messages: int | None = None


@dataclass(frozen=True)
class SubscriptionPolicy:
    """The settings of a subscription that determine what is delivered and when.

    Attributes:
        topic: Full name of the topic, or `DELETED_TOPIC`.
        ack_deadline: Seconds that a delivered message is leased for.
        matches: Filter on a message's attributes; None to deliver every message.
        ordered: Whether messages of one ordering key are delivered in order.
        retention: Seconds after publishing when an unacknowledged message is dropped.
        retain_acked: Whether acknowledged messages are retained that long too, for seek.
        exactly_once: Whether acknowledging an expired lease is an error.
        retry: None to redeliver immediately.
        dead_letter: None to redeliver without limit.
        push: None if it does not push.
        export: None if it does not write to Cloud Storage.
    """

    topic: str
    ack_deadline: float = 10.0
    matches: Callable[[Mapping[str, str]], bool] | None = None
    ordered: bool = False
    retention: float = 7 * DAY_SECONDS
    retain_acked: bool = False
    exactly_once: bool = False
    retry: RetryPolicy | None = None
    dead_letter: DeadLetterPolicy | None = None
    push: PushTarget | None = None
    export: ExportTarget | None = None

    def wanted(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages that the filter matches."""
        matches = self.matches
        if matches is None:
            return messages
        return [message for message in messages if matches(message.attributes)]
