"""The gRPC service `google.pubsub.v1.Subscriber`."""

from functools import partial
from typing import Any

from emulator.pubsub.doors import calls
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.paging import paged
from emulator.pubsub.rules import names, wire
from emulator.pubsub.rules.errors import AckIdsRefused, InvalidArgument
from emulator.pubsub.rules.limits import check_ack_deadline
from emulator.pubsub.rules.replay import seek, seek_snapshot
from emulator.pubsub.rules.subscription import Subscription

NAME = "google.pubsub.v1.Subscriber"

MAX_PULL_MESSAGES = 1_000
# By default, clients in other languages refuse larger responses.
MAX_PULL_BYTES = 4_000_000

# How long a pull waits if there are no messages. Production documents "a bounded amount of time".
PULL_WAIT_SECONDS = 20.0


def methods(backend: Backend) -> dict[str, calls.Unary]:
    """Return the methods of the service by name, all but `StreamingPull`."""
    resources = backend.catalogue
    # These read, or enclose their change in the journal themselves.
    reading: dict[str, calls.Handler] = {
        "GetSubscription": lambda request: resources.subscription(request.subscription),
        "GetSnapshot": lambda request: resources.snapshot(request.snapshot),
        "Pull": partial(_pull, backend),
        "Acknowledge": partial(_acknowledge, backend),
        "ModifyAckDeadline": partial(_modify_ack_deadline, backend),
        "Seek": partial(_seek, backend),
        "CreateSubscription": partial(_create, backend),
        "UpdateSubscription": partial(_update, backend),
    }
    listing = {
        "ListSubscriptions": lambda request: resources.subscriptions(request.project),
        "ListSnapshots": lambda request: resources.snapshots(request.project),
    }
    changing: dict[str, calls.Handler] = {
        "DeleteSubscription": lambda request: resources.delete_subscription(request.subscription),
        "ModifyPushConfig": lambda request: resources.modify_push_config(
            request.subscription, request.push_config
        ),
        "CreateSnapshot": lambda request: resources.create_snapshot(
            request.name, request.subscription, request.labels, backend.clock()
        ),
        "UpdateSnapshot": lambda request: resources.update_snapshot(
            request.snapshot, request.update_mask
        ),
        "DeleteSnapshot": lambda request: resources.delete_snapshot(request.snapshot),
    }
    return calls.unary(reading | paged(listing)) | calls.unary(changing, backend.journaled)


async def _create(backend: Backend, request: Any) -> Any:
    """Create a subscription; the bucket that it writes to, if any, must exist."""
    if request.HasField("cloud_storage_config"):
        await backend.check_bucket(request.cloud_storage_config)
    async with backend.journaled():
        return backend.catalogue.create_subscription(request)


async def _update(backend: Backend, request: Any) -> Any:
    """Update a subscription; a bucket that it is to write to must exist."""
    changes, mask = request.subscription, request.update_mask
    named = {"cloud_storage_config", "cloud_storage_config.bucket"} & set(mask.paths)
    if named and changes.HasField("cloud_storage_config"):
        await backend.check_bucket(changes.cloud_storage_config)
    async with backend.journaled():
        return backend.catalogue.update_subscription(changes, mask)


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
    """Return messages as soon as there are any; none if there are none in time."""
    if request.max_messages <= 0:
        raise InvalidArgument(
            "You have passed an invalid argument to the service (argument=max_messages)."
        )
    limit = min(request.max_messages, MAX_PULL_MESSAGES)
    give_up_at = backend.clock() + (0.0 if request.return_immediately else PULL_WAIT_SECONDS)
    while True:
        # Looked up each time: it may be deleted during the wait.
        subscription = backend.pullable(request.subscription)
        now = backend.clock()
        deliveries = subscription.lease(now, limit, max_bytes=MAX_PULL_BYTES)
        if deliveries or now >= give_up_at:
            attempts = subscription.policy.dead_letter is not None
            return wire.received(subscription.ack_prefix, deliveries, with_attempts=attempts)
        await backend.arrival(subscription, give_up_at - now)


async def _acknowledge(backend: Backend, request: Any) -> None:
    subscription = _subscription(backend, request)
    refused = await backend.acknowledge(subscription, request.ack_ids)
    if refused and subscription.policy.exactly_once:
        raise AckIdsRefused(refused)


def _modify_ack_deadline(backend: Backend, request: Any) -> None:
    check_ack_deadline(request.ack_deadline_seconds, lowest=0)
    subscription = _subscription(backend, request)
    refused = backend.modify(subscription, request.ack_ids, request.ack_deadline_seconds)
    if refused and subscription.policy.exactly_once:
        raise AckIdsRefused(refused)


def _subscription(backend: Backend, request: Any) -> Subscription:
    subscription = backend.registry.subscription(request.subscription)
    if not request.ack_ids:
        raise InvalidArgument("You have not specified an ack ID in the request.")
    return subscription
