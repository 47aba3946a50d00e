"""The gRPC service `google.pubsub.v1.Subscriber`."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.pubsub import protos
from emulator.pubsub.doors import calls
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.paging import page
from emulator.pubsub.doors.streaming import StreamingPull
from emulator.pubsub.rules import names, wire
from emulator.pubsub.rules.broker import Broker
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import (
    FailedPrecondition,
    InvalidArgument,
    StaleAckIds,
)
from emulator.pubsub.rules.subscription import Subscription

NAME = "google.pubsub.v1.Subscriber"

MAX_PULL_MESSAGES = 1_000
# Clients in other languages refuse larger responses unless told otherwise.
MAX_PULL_BYTES = 4_000_000
MAX_ACK_DEADLINE_SECONDS = 600

# How long a pull without messages waits for the first. Production says "a bounded amount of
# time" and does not tell it.
PULL_WAIT_SECONDS = 20.0


class SubscriberService:
    """Subscriptions, and pulling from them."""

    def __init__(
        self,
        broker: Broker,
        catalogue: Catalogue,
        doorbell: Doorbell,
        clock: Callable[[], float],
        journaled: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """Serve a broker.

        Args:
            broker: Has the messages.
            catalogue: Has the subscriptions.
            doorbell: Rings when there are messages.
            clock: Seconds since the epoch.
            journaled: Encloses a change: it begins only if the change can be written down, and
                ends when that is done.
        """
        self._broker = broker
        self._catalogue = catalogue
        self._doorbell = doorbell
        self._clock = clock
        self._journaled = journaled

    def methods(self) -> dict[str, calls.Method]:
        """Return the methods of the service by name."""
        return {
            "CreateSubscription": calls.unary(protos.Subscription, self.create_subscription),
            "GetSubscription": calls.unary(protos.GetSubscriptionRequest, self.get_subscription),
            "UpdateSubscription": calls.unary(
                protos.UpdateSubscriptionRequest, self.update_subscription
            ),
            "ListSubscriptions": calls.unary(
                protos.ListSubscriptionsRequest, self.list_subscriptions
            ),
            "DeleteSubscription": calls.unary(
                protos.DeleteSubscriptionRequest, self.delete_subscription
            ),
            "ModifyAckDeadline": calls.unary(
                protos.ModifyAckDeadlineRequest, self.modify_ack_deadline
            ),
            "Acknowledge": calls.unary(protos.AcknowledgeRequest, self.acknowledge),
            "Pull": calls.unary(protos.PullRequest, self.pull),
            "StreamingPull": StreamingPull(
                self.pullable, self._doorbell, self._clock, self.acknowledging
            ).method(),
            "ModifyPushConfig": calls.unary(
                protos.ModifyPushConfigRequest, self.modify_push_config
            ),
            "Seek": calls.unary(protos.SeekRequest, self.seek),
            "CreateSnapshot": calls.unary(protos.CreateSnapshotRequest, self.create_snapshot),
            "GetSnapshot": calls.unary(protos.GetSnapshotRequest, self.get_snapshot),
            "UpdateSnapshot": calls.unary(protos.UpdateSnapshotRequest, self.update_snapshot),
            "ListSnapshots": calls.unary(protos.ListSnapshotsRequest, self.list_snapshots),
            "DeleteSnapshot": calls.unary(protos.DeleteSnapshotRequest, self.delete_snapshot),
        }

    async def create_subscription(self, subscription: Any) -> Any:
        """Answer `CreateSubscription`."""
        async with self._journaled():
            return self._catalogue.create_subscription(subscription)

    def get_subscription(self, request: Any) -> Any:
        """Answer `GetSubscription`."""
        return self._catalogue.subscription(request.subscription)

    async def update_subscription(self, request: Any) -> Any:
        """Answer `UpdateSubscription`."""
        async with self._journaled():
            return self._catalogue.update_subscription(request.subscription, request.update_mask)

    def list_subscriptions(self, request: Any) -> Any:
        """Answer `ListSubscriptions`."""
        subscriptions, token = page(
            self._catalogue.subscriptions(request.project),
            lambda subscription: str(subscription.name),
            request.page_size,
            request.page_token,
        )
        return protos.ListSubscriptionsResponse(subscriptions=subscriptions, next_page_token=token)

    async def delete_subscription(self, request: Any) -> Any:
        """Answer `DeleteSubscription`."""
        async with self._journaled():
            self._catalogue.delete_subscription(request.subscription)
        return Empty()

    async def modify_push_config(self, request: Any) -> Any:
        """Answer `ModifyPushConfig`."""
        async with self._journaled():
            self._catalogue.modify_push_config(request.subscription, request.push_config)
        return Empty()

    async def seek(self, request: Any) -> Any:
        """Answer `Seek`, to a time or to a snapshot."""
        name = names.check("subscriptions", request.subscription)
        async with self._journaled():
            if request.HasField("snapshot"):
                snapshot = names.check("snapshots", request.snapshot)
                self._broker.seek_snapshot(name, snapshot, self._clock())
            elif request.HasField("time"):
                time = request.time.seconds + request.time.nanos / 1_000_000_000
                self._broker.seek(name, time, self._clock())
            else:
                raise InvalidArgument("The seek request names neither a time nor a snapshot.")
        return protos.SeekResponse()

    async def create_snapshot(self, request: Any) -> Any:
        """Answer `CreateSnapshot`."""
        async with self._journaled():
            return self._catalogue.create_snapshot(
                request.name, request.subscription, request.labels, self._clock()
            )

    def get_snapshot(self, request: Any) -> Any:
        """Answer `GetSnapshot`."""
        return self._catalogue.snapshot(request.snapshot)

    async def update_snapshot(self, request: Any) -> Any:
        """Answer `UpdateSnapshot`."""
        async with self._journaled():
            return self._catalogue.update_snapshot(request.snapshot, request.update_mask)

    def list_snapshots(self, request: Any) -> Any:
        """Answer `ListSnapshots`."""
        snapshots, token = page(
            self._catalogue.snapshots(request.project),
            lambda snapshot: str(snapshot.name),
            request.page_size,
            request.page_token,
        )
        return protos.ListSnapshotsResponse(snapshots=snapshots, next_page_token=token)

    async def delete_snapshot(self, request: Any) -> Any:
        """Answer `DeleteSnapshot`."""
        async with self._journaled():
            self._catalogue.delete_snapshot(request.snapshot)
        return Empty()

    async def pull(self, request: Any) -> bytes:
        """Answer `Pull`: at once if there are messages, else when there are, or with none."""
        if request.max_messages <= 0:
            raise InvalidArgument(
                "You have passed an invalid argument to the service (argument=max_messages)."
            )
        limit = min(request.max_messages, MAX_PULL_MESSAGES)
        give_up_at = self._clock() + (0.0 if request.return_immediately else PULL_WAIT_SECONDS)
        while True:
            # Looked up each time: it may be deleted while this waits.
            subscription = self.pullable(request.subscription)
            now = self._clock()
            deliveries = subscription.lease(now, limit, max_bytes=MAX_PULL_BYTES)
            if deliveries or now >= give_up_at:
                attempts = subscription.policy.dead_letter is not None
                return wire.received(subscription.number, deliveries, with_attempts=attempts)
            await self._doorbell.wait(subscription, give_up_at - now)

    async def acknowledge(self, request: Any) -> Any:
        """Answer `Acknowledge`."""
        subscription, leases = self._leases(request)
        async with self.acknowledging(subscription):
            stale = subscription.acknowledge(leases, self._clock())
        return _unless_stale(subscription, request.ack_ids, leases, stale)

    def modify_ack_deadline(self, request: Any) -> Any:
        """Answer `ModifyAckDeadline`."""
        seconds = request.ack_deadline_seconds
        if not 0 <= seconds <= MAX_ACK_DEADLINE_SECONDS:
            raise InvalidArgument(
                f"Invalid ack deadline given (ack_deadline={seconds}). The ack deadline must be"
                f" between 0 and {MAX_ACK_DEADLINE_SECONDS} seconds."
            )
        subscription, leases = self._leases(request)
        stale = subscription.modify(leases, seconds, self._clock())
        return _unless_stale(subscription, request.ack_ids, leases, stale)

    def pullable(self, name: str) -> Subscription:
        """Return a subscription that may be pulled from.

        Raises:
            NotFound: If there is none.
            FailedPrecondition: If it is pushed, or detached.
        """
        if self._catalogue.subscription(name).detached:
            raise FailedPrecondition(f"Subscription {name} is detached from its topic.")
        subscription = self._broker.subscription(name)
        if subscription.policy.push is not None:
            raise FailedPrecondition("This method is not supported for this subscription type.")
        return subscription

    def acknowledging(self, subscription: Subscription) -> AbstractAsyncContextManager[None]:
        """Enclose an acknowledgement, which an answer may tell when this ends.

        With exactly-once delivery what was acknowledged must not come again, not even after a
        kill, so it is written down first. Without, a message may come more than once anyway, and
        to wait for each acknowledgement would cost throughput.
        https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
        """
        return self._journaled() if subscription.policy.exactly_once else nullcontext()

    def _leases(self, request: Any) -> tuple[Subscription, list[int]]:
        name = names.check("subscriptions", request.subscription)
        subscription = self._broker.subscription(name)
        if not request.ack_ids:
            raise InvalidArgument("You have not specified an ack ID in the request.")
        return subscription, wire.leases(subscription.number, request.ack_ids)


def _unless_stale(
    subscription: Subscription, ack_ids: Any, leases: list[int], stale: list[int]
) -> Any:
    """Return the empty answer, unless exactly-once delivery makes stale ids an error.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
    """
    if stale and subscription.policy.exactly_once:
        gone = set(stale)
        raise StaleAckIds(
            ack_id for ack_id, lease in zip(ack_ids, leases, strict=True) if lease in gone
        )
    return Empty()
