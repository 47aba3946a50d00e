"""The gRPC service `google.pubsub.v1.Subscriber`."""

from functools import partial
from typing import Any

from emulator.pubsub.doors import calls, streaming
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.paging import listed
from emulator.pubsub.rules import names, wire
from emulator.pubsub.rules.errors import InvalidArgument, StaleAckIds
from emulator.pubsub.rules.replay import seek, seek_snapshot
from emulator.pubsub.rules.subscription import Subscription

NAME = "google.pubsub.v1.Subscriber"

MAX_PULL_MESSAGES = 1_000
# Clients in other languages refuse larger responses unless told otherwise.
MAX_PULL_BYTES = 4_000_000
MAX_ACK_DEADLINE_SECONDS = 600

# How long a pull without messages waits for the first. Production says "a bounded amount of
# time" and does not tell it.
PULL_WAIT_SECONDS = 20.0


def methods(backend: Backend) -> dict[str, calls.Method]:
    """Return the methods of the service by name."""
    kept = backend.catalogue
    reading: dict[str, calls.Handler] = {
        "GetSubscription": lambda ask: kept.subscription(ask.subscription),
        "ListSubscriptions": lambda ask: listed(
            "ListSubscriptions", kept.subscriptions(ask.project), ask
        ),
        "GetSnapshot": lambda ask: kept.snapshot(ask.snapshot),
        "ListSnapshots": lambda ask: listed("ListSnapshots", kept.snapshots(ask.project), ask),
        "Pull": partial(_pull, backend),
        "Acknowledge": partial(_acknowledge, backend),
        "ModifyAckDeadline": partial(_modify_ack_deadline, backend),
        "Seek": partial(_seek, backend),
    }
    changing: dict[str, calls.Handler] = {
        "CreateSubscription": kept.create_subscription,
        "UpdateSubscription": lambda ask: kept.update_subscription(
            ask.subscription, ask.update_mask
        ),
        "DeleteSubscription": lambda ask: kept.delete_subscription(ask.subscription),
        "ModifyPushConfig": lambda ask: kept.modify_push_config(ask.subscription, ask.push_config),
        "CreateSnapshot": lambda ask: kept.create_snapshot(
            ask.name, ask.subscription, ask.labels, backend.clock()
        ),
        "UpdateSnapshot": lambda ask: kept.update_snapshot(ask.snapshot, ask.update_mask),
        "DeleteSnapshot": lambda ask: kept.delete_snapshot(ask.snapshot),
    }
    return {
        **calls.unary(reading),
        **calls.unary(changing, backend.journaled),
        "StreamingPull": streaming.method(backend),
    }


async def _seek(backend: Backend, request: Any) -> None:
    """Seek to a time or to a snapshot."""
    name = names.check("subscriptions", request.subscription)
    async with backend.journaled():
        if request.HasField("snapshot"):
            snapshot = names.check("snapshots", request.snapshot)
            seek_snapshot(backend.registry, name, snapshot, backend.clock())
        elif request.HasField("time"):
            time = request.time.seconds + request.time.nanos / 1_000_000_000
            seek(backend.registry, name, time, backend.clock())
        else:
            raise InvalidArgument("The seek request names neither a time nor a snapshot.")


async def _pull(backend: Backend, request: Any) -> bytes:
    """Answer at once if there are messages, else when there are, or with none."""
    if request.max_messages <= 0:
        raise InvalidArgument(
            "You have passed an invalid argument to the service (argument=max_messages)."
        )
    limit = min(request.max_messages, MAX_PULL_MESSAGES)
    give_up_at = backend.clock() + (0.0 if request.return_immediately else PULL_WAIT_SECONDS)
    while True:
        # Looked up each time: it may be deleted while this waits.
        subscription = backend.pullable(request.subscription)
        now = backend.clock()
        deliveries = subscription.lease(now, limit, max_bytes=MAX_PULL_BYTES)
        if deliveries or now >= give_up_at:
            attempts = subscription.policy.dead_letter is not None
            return wire.received(subscription.number, deliveries, with_attempts=attempts)
        await backend.doorbell.wait(subscription, give_up_at - now)


async def _acknowledge(backend: Backend, request: Any) -> None:
    subscription, leases = _leases(backend, request)
    async with backend.acknowledging(subscription):
        stale = subscription.acknowledge(leases, backend.clock())
    _check_fresh(subscription, request.ack_ids, leases, stale)


def _modify_ack_deadline(backend: Backend, request: Any) -> None:
    seconds = request.ack_deadline_seconds
    if not 0 <= seconds <= MAX_ACK_DEADLINE_SECONDS:
        raise InvalidArgument(
            f"Invalid ack deadline given (ack_deadline={seconds}). The ack deadline must be"
            f" between 0 and {MAX_ACK_DEADLINE_SECONDS} seconds."
        )
    subscription, leases = _leases(backend, request)
    stale = subscription.modify(leases, seconds, backend.clock())
    _check_fresh(subscription, request.ack_ids, leases, stale)


def _leases(backend: Backend, request: Any) -> tuple[Subscription, list[int]]:
    name = names.check("subscriptions", request.subscription)
    subscription = backend.registry.subscription(name)
    if not request.ack_ids:
        raise InvalidArgument("You have not specified an ack ID in the request.")
    return subscription, wire.leases(subscription.number, request.ack_ids)


def _check_fresh(
    subscription: Subscription, ack_ids: Any, leases: list[int], stale: list[int]
) -> None:
    """Refuse stale ids where exactly-once delivery makes them an error.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery

    Raises:
        StaleAckIds: If some are.
    """
    if stale and subscription.policy.exactly_once:
        gone = set(stale)
        raise StaleAckIds(
            ack_id for ack_id, lease in zip(ack_ids, leases, strict=True) if lease in gone
        )
