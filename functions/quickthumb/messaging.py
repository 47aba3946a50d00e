"""Publishes messages to Pub/Sub, and parses delivered ones."""

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
    """The interface of a topic."""

    def publish(self, data: bytes, **attributes: str) -> None:
        """Publish a message; return when it is accepted. Raises `NotPublished`."""


class CloudTopic:
    """A topic of Pub/Sub, or of the emulator that `PUBSUB_EMULATOR_HOST` names."""

    def __init__(self, client: Publisher, path: str, call_seconds: float) -> None:
        self._client = client
        self._path = path
        self._seconds = call_seconds
        self._retry = Retry(initial=0.1, maximum=2, timeout=call_seconds)

    def publish(self, data: bytes, **attributes: str) -> None:
        future = self._client.publish(
            self._path,
            data,
            retry=self._retry,
            timeout=self._seconds,
            **attributes,
            **tracing.to_attributes(),
        )
        try:
            # The future fails by itself when retries time out; wait longer, so that its error is
            # reported rather than our own timeout.
            future.result(timeout=self._seconds * 2)
        except (GoogleAPIError, GoogleAuthError, TimeoutError) as error:
            raise NotPublished(f"Pub/Sub, {self._path}: {error}") from error


class Transport(PublisherGrpcTransport):
    """A channel that reconnects within seconds once Pub/Sub is available again.

    By default, gRPC's backoff grows to two minutes, in which every upload would get 503
    (https://grpc.github.io/grpc/core/group__grpc__arg__keys.html).
    """

    OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)

    def __init__(self, *, host: str, channel: grpc.Channel | None = None, **arguments: Any) -> None:
        if channel is not None:  # made by the client library for an emulator, without options
            channel = grpc.insecure_channel(host, self.OPTIONS)
        super().__init__(host=host, channel=channel, **arguments)

    @classmethod
    def create_channel(cls, host: str, **arguments: Any) -> grpc.Channel:  # type: ignore[override]
        options = [*arguments.pop("options", ()), *cls.OPTIONS]
        return super().create_channel(host, options=options, **arguments)


def connect(*, traced: bool = False) -> Publisher:
    """Return a client that sends every message immediately.

    Batches wait on a background thread, but a function may lose its CPU after its response.

    Args:
        traced: record a span for each message, and propagate it in an attribute.

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
    """A delivered message.

    Attributes:
        data: its body.
        attributes: its attributes.
        id: assigned by Pub/Sub.
        published: publish time; None if unknown.
        attempt: delivery attempt, from 1; None if not counted, as in subscriptions without a
            dead-letter policy.
    """

    data: bytes
    attributes: Mapping[str, str]
    id: str
    attempt: int | None
    published: datetime | None = None


class _Delivered(msgspec.Struct, frozen=True):
    """The message in a push request; of two names of a member, the first takes precedence."""

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
    """Parse the body of a push request, or the same data in Eventarc's CloudEvent.

    See https://docs.cloud.google.com/pubsub/docs/push#receive_push.

    Raises:
        InvalidMessage: the body has another form.
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
    """Parse a time, in UTC unless it has an offset."""
    if not text:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
