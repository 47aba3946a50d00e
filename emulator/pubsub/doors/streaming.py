"""`StreamingPull`: sends messages to a client as far as its flow control allows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio

from emulator.pubsub import protos
from emulator.pubsub.doors import calls
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.errors import AckIdsRefused, InvalidArgument, PubsubError
from emulator.pubsub.rules.limits import ACK_DEADLINE_SECONDS, check_duration
from emulator.pubsub.rules.subscription import Subscription

# Small enough that the first messages of a large backlog do not wait for the last.
MAX_RESPONSE_MESSAGES = 1_000
MAX_RESPONSE_BYTES = 1_000_000


class FlowControl:
    """Limits the outstanding messages of one stream, as its client requested."""

    def __init__(self, messages: int, size: int, on_room: Callable[[], None]) -> None:
        """Start with nothing outstanding.

        Args:
            messages: Most messages outstanding; 0 or less for no limit.
            size: Most bytes outstanding; 0 or less for no limit.
            on_room: Called when a full stream has room again.
        """
        self._max_messages = messages if messages > 0 else float("inf")
        self._max_bytes = size if size > 0 else float("inf")
        self._on_room = on_room
        self._messages = 0
        self._bytes = 0

    def room(self) -> tuple[int, float]:
        """Return how many messages and bytes may be sent now."""
        messages = min(self._max_messages - self._messages, MAX_RESPONSE_MESSAGES)
        size = min(self._max_bytes - self._bytes, MAX_RESPONSE_BYTES)
        return (int(messages), size) if size > 0 else (0, 0.0)

    def take(self, messages: int, size: int) -> None:
        """Count messages that are sent, and their bytes."""
        self._messages += messages
        self._bytes += size

    def release(self, size: int) -> None:
        """Count a message whose lease has ended, and its bytes."""
        was_full = self._messages >= self._max_messages or self._bytes >= self._max_bytes
        self._messages -= 1
        self._bytes -= size
        if was_full:
            self._on_room()


def method(backend: Backend) -> calls.Method:
    """Return the gRPC method."""

    async def serve(_requests: Any, context: calls.Context) -> None:
        refusals: list[PubsubError] = []
        try:
            first = await _read(context)
            if first is None:
                return
            stream = _Stream(first, backend, context)
            await stream.handle(first)
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(stream.send())
                await stream.receive()
                sender.cancel()
        except* PubsubError as errors:
            refusals += [error for error in errors.exceptions if isinstance(error, PubsubError)]
        if refusals:
            await calls.refuse(context, refusals[0])

    return grpc.stream_stream_rpc_method_handler(serve, response_serializer=calls.serialize)


class _Stream:
    """The settings and the state of one stream."""

    def __init__(self, first: Any, backend: Backend, context: calls.Context) -> None:
        self._name = first.subscription
        self._backend = backend
        self._context = context
        subscription = backend.pullable(self._name)
        self._set_deadline(first.stream_ack_deadline_seconds)
        self._flow = FlowControl(
            first.max_outstanding_messages,
            first.max_outstanding_bytes,
            lambda: backend.doorbell.ready(subscription),
        )
        self._writing = asyncio.Lock()

    async def send(self) -> None:
        """Send messages as flow control allows, until cancelled."""
        while True:
            # Looked up each time: it may be deleted during the wait.
            subscription = self._backend.pullable(self._name)
            messages, size = self._flow.room()
            if not messages:
                await self._backend.wait(subscription)
                continue
            deliveries = subscription.lease(
                self._backend.clock(),
                messages,
                max_bytes=size,
                seconds=self._deadline,
                on_end=self._flow.release,
            )
            if not deliveries:
                await self._backend.arrival(subscription)
                continue
            self._flow.take(len(deliveries), sum(len(d.message.wire) for d in deliveries))
            attempts = subscription.policy.dead_letter is not None
            received = wire.received(subscription.ack_prefix, deliveries, with_attempts=attempts)
            await self._write(received + _properties(subscription))

    async def receive(self) -> None:
        """Handle the client's requests until it ends the stream."""
        while (request := await _read(self._context)) is not None:
            if request.subscription:
                raise InvalidArgument(
                    "Only the first request of a stream may name the subscription."
                )
            if request.stream_ack_deadline_seconds:
                self._set_deadline(request.stream_ack_deadline_seconds)
            await self.handle(request)

    async def handle(self, request: Any) -> None:
        """Acknowledge and modify; with exactly-once delivery, send a confirmation."""
        if not (request.ack_ids or request.modify_deadline_ack_ids):
            return
        subscription = self._backend.pullable(self._name)
        response = protos.StreamingPullResponse()
        if request.ack_ids:
            refused = await self._backend.acknowledge(subscription, request.ack_ids)
            _confirm(response.acknowledge_confirmation, request.ack_ids, refused)
            response.acknowledge_confirmation.unordered_ack_ids.extend(
                _refused_as(AckIdsRefused.OUT_OF_TURN, refused)
            )
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise InvalidArgument(
                "modify_deadline_ack_ids and modify_deadline_seconds must have the same length."
            )
        by_seconds: dict[int, list[str]] = {}
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            by_seconds.setdefault(seconds, []).append(ack_id)
        for seconds, ack_ids in by_seconds.items():
            refused = self._backend.modify(subscription, ack_ids, seconds)
            _confirm(response.modify_ack_deadline_confirmation, ack_ids, refused)
        if subscription.policy.exactly_once:
            await self._write(response.SerializeToString() + _properties(subscription))

    def _set_deadline(self, seconds: int) -> None:
        check_duration("stream_ack_deadline_seconds", seconds, *ACK_DEADLINE_SECONDS)
        self._deadline = float(seconds)

    async def _write(self, response: bytes) -> None:
        # gRPC takes one message at a time.
        async with self._writing:
            await self._context.write(response)


async def _read(context: calls.Context) -> Any:
    """Return the next request of a stream, or None at its end."""
    request = await context.read()
    ended = request is grpc.aio.EOF
    return None if ended else calls.parse(protos.StreamingPullRequest, request)


def _confirm(confirmation: Any, ack_ids: Sequence[str], refused: Mapping[str, str]) -> None:
    confirmation.ack_ids.extend(ack_id for ack_id in ack_ids if ack_id not in refused)
    confirmation.invalid_ack_ids.extend(_refused_as(AckIdsRefused.STALE, refused))


def _refused_as(reason: str, refused: Mapping[str, str]) -> list[str]:
    return [ack_id for ack_id, why in refused.items() if why == reason]


def _properties(subscription: Subscription) -> bytes:
    """Return the `subscription_properties` of a response, serialized."""
    policy = subscription.policy
    properties = {
        "exactly_once_delivery_enabled": policy.exactly_once,
        "message_ordering_enabled": policy.ordered,
    }
    return calls.serialize(protos.StreamingPullResponse(subscription_properties=properties))
