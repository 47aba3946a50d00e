"""The door to Pub/Sub: publish a message, and read the forms in which one is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeAlias

import grpc
import msgspec
from google.api_core.exceptions import GoogleAPIError
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from quickthumb import tracing
from quickthumb.documents import untrusted
from quickthumb.problems import InvalidMessage, NoCredentials, NotPublished

Publisher: TypeAlias = pubsub_v1.PublisherClient


class Topic(Protocol):
    """What the functions need of a topic."""

    def publish(self, data: bytes, **attributes: str) -> None:
        """Publish a message; return once it is accepted. Raises `NotPublished`."""


class CloudTopic:
    """A topic of Pub/Sub, or of the emulator that `PUBSUB_EMULATOR_HOST` names."""

    def __init__(self, client: Publisher, path: str, call_seconds: float) -> None:
        self._client = client
        self._path = path
        self._seconds = call_seconds
        self._retry = Retry(initial=0.1, maximum=2, timeout=call_seconds)

    def publish(self, data: bytes, **attributes: str) -> None:
        """See `Topic`."""
        future = self._client.publish(
            self._path,
            data,
            retry=self._retry,
            timeout=self._seconds,
            **attributes,
            **tracing.to_attributes(),
        )
        try:
            # The future ends by itself at about the time of the retries; the margin is for its
            # own work, so that the reason it knows is not hidden by a plain time-out of ours.
            future.result(timeout=self._seconds * 2)
        except (GoogleAPIError, GoogleAuthError, TimeoutError) as error:
            raise NotPublished(f"Pub/Sub, {self._path}: {error}") from error


class Transport(PublisherGrpcTransport):
    """A channel that looks for Pub/Sub every few seconds while it is away.

    gRPC's own pauses grow to two minutes, for which everybody would be told 503 while Pub/Sub is
    back (https://grpc.github.io/grpc/core/group__grpc__arg__keys.html).
    """

    OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)

    def __init__(self, *, host: str, channel: grpc.Channel | None = None, **arguments: Any) -> None:
        if channel is not None:  # the client library made it for an emulator, without any options
            channel = grpc.insecure_channel(host, self.OPTIONS)
        super().__init__(host=host, channel=channel, **arguments)

    @classmethod
    def create_channel(cls, host: str, **arguments: Any) -> grpc.Channel:  # type: ignore[override]
        """See the base class."""
        options = [*arguments.pop("options", ()), *cls.OPTIONS]
        return super().create_channel(host, options=options, **arguments)


def connect(*, traced: bool = False) -> Publisher:
    """Return a client that sends every message at once.

    A batch would wait for company on a thread of its own; a function's CPU may be taken away as
    soon as it has answered.

    Args:
        traced: record a span for each message, and carry it on in an attribute.

    Raises:
        NoCredentials: there is neither an emulator nor an identity.
    """
    try:
        return pubsub_v1.PublisherClient(
            pubsub_v1.types.BatchSettings(max_messages=1),
            pubsub_v1.types.PublisherOptions(enable_open_telemetry_tracing=traced),
            transport=Transport,
        )
    except DefaultCredentialsError as error:
        raise NoCredentials("PUBSUB_EMULATOR_HOST") from error


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was delivered.

    Attributes:
        data: its body.
        attributes: its attributes.
        id: given by Pub/Sub.
        published: when; None where the delivery does not tell.
        attempt: which delivery this is, from 1; None where Pub/Sub does not count, which is for
            subscriptions without a dead-letter policy.
    """

    data: bytes
    attributes: Mapping[str, str]
    id: str
    attempt: int | None
    published: datetime | None = None


class _Delivered(msgspec.Struct, frozen=True):
    """The message within a push request; of two names of a member the first is preferred."""

    data: bytes = b""
    attributes: dict[str, str] | None = None
    id: str | None = msgspec.field(default=None, name="messageId")
    other_id: str | None = msgspec.field(default=None, name="message_id")
    published: str | None = msgspec.field(default=None, name="publishTime")
    other_published: str | None = msgspec.field(default=None, name="publish_time")


class _Push(msgspec.Struct, frozen=True):
    message: _Delivered
    attempt: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(
        default=None, name="deliveryAttempt"
    )


def delivered(envelope: Any) -> Message:
    """Read the body of a push request, which is also the data of Eventarc's CloudEvent.

    The form is https://docs.cloud.google.com/pubsub/docs/push#receive_push.

    Raises:
        InvalidMessage: the body is of another form.
    """
    try:
        push = untrusted.convert(_Push, envelope)
        message = push.message
        return Message(
            data=message.data,
            attributes=message.attributes or {},
            id=message.id or message.other_id or "",
            attempt=push.attempt,
            published=_time(message.published or message.other_published or ""),
        )
    except (InvalidMessage, ValueError) as error:
        raise InvalidMessage(f"not a Pub/Sub message: {error}") from error


def _time(text: str) -> datetime | None:
    """Read a time; one that names no offset counts as UTC, which is what Pub/Sub sends."""
    if not text:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
