"""Publishes messages to Pub/Sub, and parses delivered ones."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeAlias
from urllib.parse import quote

import grpc
import msgspec
from opentelemetry.trace import SpanKind

from quickthumb import tracing
from quickthumb.attempts import attempts
from quickthumb.documents import untrusted
from quickthumb.problems import InvalidMessage, NotPublished

Channel: TypeAlias = grpc.Channel

_EMULATOR = "PUBSUB_EMULATOR_HOST"  # host and port, as for google-cloud-pubsub

_TARGET = "pubsub.googleapis.com:443"
_SCOPE = "https://www.googleapis.com/auth/pubsub"
_METHOD = "/google.pubsub.v1.Publisher/Publish"

_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)
"""By default, gRPC's backoff grows to two minutes, in which every upload would get 503
(https://grpc.github.io/grpc/core/group__grpc__arg__keys.html)."""

_TEMPORARY = frozenset(
    (
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    )
)
"""Errors to retry, as google-cloud-pubsub does: a message that arrives twice does no harm."""


class Topic(Protocol):
    """The interface of a topic."""

    def publish(self, data: bytes, **attributes: str) -> None:
        """Publish a message; return when it is accepted. Raises `NotPublished`."""


class CloudTopic:
    """A topic of Pub/Sub, or of its emulator.

    Args:
        channel: from `connect`.
        path: full name of the topic.
        call_seconds: how long a call is retried, seconds.
    """

    def __init__(self, channel: Channel, path: str, call_seconds: float) -> None:
        self._call = channel.unary_unary(_METHOD)
        self._path = path
        self._seconds = call_seconds
        self._metadata = (("x-goog-request-params", f"topic={quote(path)}"),)

    def publish(self, data: bytes, **attributes: str) -> None:
        with tracing.span(f"publish {self._path.rpartition('/')[2]}", kind=SpanKind.PRODUCER):
            request = _request(self._path, data, attributes | tracing.to_attributes())
            failure = ""
            for _ in attempts(self._seconds):
                try:
                    self._call(request, timeout=self._seconds, metadata=self._metadata)
                except grpc.RpcError as error:
                    failure = f"{error.code().name} {error.details()}"
                    if error.code() not in _TEMPORARY:
                        break
                else:
                    return
            raise NotPublished(f"Pub/Sub, {self._path}: {failure}")


def connect() -> Channel:
    """Return a channel to Pub/Sub, or to the emulator that `PUBSUB_EMULATOR_HOST` names.

    A message is sent by the thread that publishes it. The batches of google-cloud-pubsub wait on a
    background thread, but a function may lose its CPU after its response; and they take four times
    the processor time.

    Raises:
        NoCredentials: there is neither an emulator nor an identity.
    """
    if emulator := os.environ.get(_EMULATOR):
        return grpc.insecure_channel(emulator, _OPTIONS)
    from google.auth.transport.grpc import secure_authorized_channel

    from quickthumb.identity import credentials

    return secure_authorized_channel(  # type: ignore[no-untyped-call]
        *credentials(_SCOPE, _EMULATOR), _TARGET, options=_OPTIONS
    )


def _request(topic: str, data: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return a `PublishRequest` with one message, as protobuf.

    Its class comes with clients for the whole API, which take 0.2 seconds to import. See
    https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto.
    """
    pairs = (_field(1, key.encode()) + _field(2, text.encode()) for key, text in attributes.items())
    message = b"".join([_field(1, data), *(_field(2, pair) for pair in pairs)])
    return _field(1, topic.encode()) + _field(2, message)


def _field(number: int, content: bytes) -> bytes:
    """Return a field of protobuf: https://protobuf.dev/programming-guides/encoding/."""
    size, prefix = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*prefix, size]) + content


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
