"""Tells a dashboard what Google's API does not: what waits, until when, and what just happened.

It is a gRPC service with JSON instead of protobuf messages, whose form may change with any version:

- `State`: numbers of every topic and subscription.
- `Peek`: the messages of a subscription, which are not taken: `{"subscription": …, "limit": …}`.
- `Events`: what happens, as a stream of lists of events, from the call on. A reader that falls
  behind is told with the event `missed` that events were left out.

Times are seconds since the epoch.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from math import isfinite
from typing import Any

import grpc

from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.calls import Context, Method, refuse
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.errors import InvalidArgument, PubsubError
from emulator.pubsub.rules.messages import Delivery, Message
from emulator.pubsub.rules.subscription import Subscription
from emulator.pubsub.rules.watch import Watch

NAME = "quickthumb.emulator.Watch"

MOST_EVENTS = 5_000
"""Events that are kept for a reader; when there are more, all are left out."""

_BATCH_SECONDS = 0.02  # in which events are collected

MOST_MESSAGES = 1_000
"""Messages that `Peek` returns."""

MOST_DATA_BYTES = 64 * 1024
"""Bytes of data that are shown of a message."""

Event = dict[str, Any]


def methods(backend: Backend) -> dict[str, Method]:
    """Return the methods of the service by name."""
    readers = Readers(backend.clock)
    backend.registry.router.watch = readers

    async def events(_request: bytes, _context: Context) -> AsyncIterator[bytes]:
        async for batch in readers.read(backend.stopping):
            yield json.dumps(batch).encode()

    return {
        "State": _answered(lambda _: state(backend)),
        "Peek": _answered(lambda asked: peek(backend, asked)),
        "Events": grpc.unary_stream_rpc_method_handler(events),
    }


def _answered(handle: Callable[[Any], Any]) -> Method:
    async def call(request: bytes, context: Context) -> bytes:
        try:
            try:
                asked = json.loads(request or b"{}")
            except ValueError as error:
                raise InvalidArgument(f"The request is not JSON: {error}") from None
            return json.dumps(handle(asked)).encode()
        except PubsubError as error:
            await refuse(context, error)
            raise  # not reached: `refuse` raises

    return grpc.unary_unary_rpc_method_handler(call)


def state(backend: Backend) -> dict[str, Any]:
    """Return the numbers of every topic and subscription, by full name."""
    now = backend.clock()
    registry = backend.registry
    return {
        "now": now,
        "topics": sorted(registry.topics),
        "subscriptions": {
            name: _numbers(each, now) for name, each in sorted(registry.subscriptions.items())
        },
    }


def _numbers(subscription: Subscription, now: float) -> dict[str, Any]:
    subscription.advance(now)
    in_flight, waiting = subscription.in_flight(), subscription.waiting()
    retries = [until for _, until in waiting if until > now]
    messages = [*in_flight, *(delivery for delivery, _ in waiting)]
    counts, policy = subscription.counts, subscription.policy
    return {
        "topic": policy.topic,
        "endpoint": policy.push.endpoint if policy.push else "",
        "waiting": len(waiting),
        "delayed": len(retries),
        "in_flight": len(in_flight),
        "oldest": min((each.message.published_at for each in messages), default=None),
        "next_retry": min(retries, default=None),
        "attempts": max((each.attempts for each in messages), default=0),
        "delivered": counts.delivered,
        "acknowledged": counts.acknowledged,
        "failed": counts.failed,
        "dead": counts.dead_lettered,
        "retry": policy.retry and [policy.retry.minimum, policy.retry.maximum],
        "dead_letter": policy.dead_letter
        and [policy.dead_letter.topic, policy.dead_letter.max_delivery_attempts],
    }


def peek(backend: Backend, asked: Any) -> list[dict[str, Any]]:
    """Return messages of a subscription: those in flight, then those that wait, in their order.

    Raises:
        NotFound: If there is no such subscription.
        InvalidArgument: If the request is malformed.
    """
    try:
        name, limit = str(asked["subscription"]), int(asked.get("limit", 100))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidArgument('Expected {"subscription": NAME, "limit": NUMBER}.') from None
    subscription = backend.registry.subscription(name)
    subscription.advance(backend.clock())
    entries = [
        *((delivery, "in flight", None) for delivery in subscription.in_flight()),
        *((delivery, "waiting", until) for delivery, until in subscription.waiting()),
    ]
    return [_shown(*entry) for entry in entries[: min(max(limit, 0), MOST_MESSAGES)]]


def _shown(delivery: Delivery, state: str, until: float | None) -> dict[str, Any]:
    return content(delivery.message) | {
        "state": state,
        "attempts": delivery.attempts,
        "next": until if until is not None and isfinite(until) else None,
        "problem": delivery.problem or None,
    }


def content(message: Message) -> dict[str, Any]:
    """Return a message; `data` is base64, and null if it is too large to be shown."""
    parsed = wire.parse(message.wire)
    fits = len(parsed.data) <= MOST_DATA_BYTES
    return {
        "message": str(message.id),
        "published": message.published_at,
        "attributes": dict(message.attributes),
        "ordering_key": message.ordering_key,
        "size": len(parsed.data),
        "data": base64.b64encode(parsed.data).decode() if fits else None,
    }


class _Reader:
    """What one reader has not read yet."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bell = asyncio.Event()

    def add(self, events: Sequence[Event]) -> None:
        if len(self.events) + len(events) > MOST_EVENTS:
            self.events = [{"kind": "missed"}]
        else:
            self.events += events
        self.bell.set()


class Readers(Watch):
    """Passes on what happens to those who read it; without any it does nothing."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._readers: set[_Reader] = set()

    async def read(self, stopping: asyncio.Event) -> AsyncIterator[list[Event]]:
        """Yield what happens, in batches, until the broker stops."""
        reader = _Reader()
        self._readers.add(reader)
        stopped = asyncio.create_task(stopping.wait())
        stopped.add_done_callback(lambda _: reader.bell.set())
        try:
            yield [{"kind": "hello", "time": self._clock()}]
            while not stopping.is_set():
                await reader.bell.wait()
                reader.bell.clear()
                await asyncio.sleep(_BATCH_SECONDS)
                batch, reader.events = reader.events, []
                if batch:
                    yield batch
        finally:
            stopped.cancel()
            self._readers.discard(reader)

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Pass on that messages were published."""
        if self._readers:
            self._tell({"kind": "published", "topic": topic, **content(m)} for m in messages)

    def leased(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
        """Pass on that messages were delivered."""
        if self._readers and deliveries:
            self._tell(self._event("delivered", subscription, each) for each in deliveries)

    def acknowledged(self, subscription: Subscription, deliveries: Iterable[Delivery]) -> None:
        """Pass on that messages were acknowledged."""
        if self._readers:
            self._tell(self._event("acknowledged", subscription, each) for each in deliveries)

    def failed(self, subscription: Subscription, delivery: Delivery, until: float) -> None:
        """Pass on that a delivery failed, and until when the message waits."""
        if self._readers:
            event = self._event("failed", subscription, delivery)
            self._tell([event | {"problem": delivery.problem or None, "next": until}])

    def died(self, subscription: Subscription, delivery: Delivery, letter: Message) -> None:
        """Pass on that a message has died, and which letter it became."""
        if self._readers:
            event = self._event("dead", subscription, delivery)
            policy = subscription.policy.dead_letter
            topic = policy.topic if policy else None
            problem = delivery.problem or None
            self._tell([event | {"problem": problem, "topic": topic, "letter": str(letter.id)}])

    def _event(self, kind: str, subscription: Subscription, delivery: Delivery) -> Event:
        return {
            "kind": kind,
            "subscription": subscription.name,
            "message": str(delivery.message.id),
            "attempt": delivery.attempts,
        }

    def _tell(self, events: Iterable[Event]) -> None:
        now = self._clock()
        told = [event | {"time": now} for event in events]
        for reader in self._readers:
            reader.add(told)
