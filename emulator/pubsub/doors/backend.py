"""The broker as the methods of the API see it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from emulator.pubsub.doors.buckets import Buckets, StorageFailed
from emulator.pubsub.doors.calls import Enclosing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import AckIdsRefused, FailedPrecondition, NotFound, Unavailable
from emulator.pubsub.rules.exports import target
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription

# Publishers on this machine are slower to read their answer than receivers to read a message. With
# Google Cloud an answer is always there first, and programs compare its message id with those that
# they receive.
HEAD_START_SECONDS = 0.005


@dataclass(frozen=True)
class Backend:
    """A broker behind its API. Methods with ack ids raise `InvalidArgument` if one is malformed.

    Attributes:
        registry: Topics and subscriptions with their messages.
        catalogue: Administers them.
        doorbell: Rings when messages can be leased.
        clock: Returns seconds since the epoch.
        journaled: Context of a change: raises `JournalFailed` if changes cannot be recorded now,
            and exits when the change is committed.
        buckets: Where Cloud Storage subscriptions write; None if there is no storage.
        stopping: Set when calls must not wait any more.
    """

    registry: Registry
    catalogue: Catalogue
    doorbell: Doorbell
    clock: Callable[[], float]
    journaled: Enclosing
    buckets: Buckets | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def pullable(self, name: str) -> Subscription:
        """Return a subscription that may be pulled from.

        Raises:
            NotFound: If it does not exist.
            FailedPrecondition: If it is not a pull subscription, or detached.
        """
        subscription = self.registry.subscription(name)
        if subscription.description.detached:
            raise FailedPrecondition(f"Subscription {name} is detached from its topic.")
        if subscription.policy.push is not None or subscription.policy.export is not None:
            raise FailedPrecondition("This method is not supported for this subscription type.")
        return subscription

    async def check_bucket(self, config: Any) -> None:
        """Check a `CloudStorageConfig`, and that its bucket exists.

        Raises:
            InvalidArgument: If a value is invalid.
            Unimplemented: If files are to have the schema of the topic.
            FailedPrecondition: If there is no storage to write to.
            NotFound: If the bucket does not exist.
            Unavailable: If the storage does not answer.
        """
        copy = type(config)()
        copy.CopyFrom(config)
        bucket = target.complete(copy).bucket
        if self.buckets is None:
            raise FailedPrecondition(
                "There is no storage that cloud_storage_config could write to: start the broker"
                " with --storage or the variable STORAGE_EMULATOR_HOST, the address of an emulator"
                " of Cloud Storage."
            )
        try:
            exists = await self.buckets.exists(bucket)
        except StorageFailed as error:
            raise Unavailable(f"The bucket {bucket} cannot be checked: {error}") from error
        if not exists:
            raise NotFound(bucket)

    async def wait(self, subscription: Subscription, seconds: float | None = None) -> None:
        """Wait until messages can be leased, or for this many seconds; may return earlier.

        Raises:
            Unavailable: If the broker is stopping.
        """
        if self.stopping.is_set():
            raise Unavailable("The broker is stopping.")
        await self.doorbell.wait(subscription, seconds)

    async def arrival(self, subscription: Subscription, seconds: float | None = None) -> None:
        """Wait like `wait` for a subscription that has nothing to lease, and then a moment more.

        So whoever published a message, or replayed it with a seek, is answered before a receiver
        that waits for messages gets it.
        """
        await self.wait(subscription, seconds)
        await asyncio.sleep(HEAD_START_SECONDS)

    def stop(self) -> None:
        """End the calls that wait. Otherwise gRPC would cancel them and log an error for each."""
        self.stopping.set()
        for subscription in self.registry.subscriptions.values():
            self.doorbell.ready(subscription)

    async def acknowledge(
        self, subscription: Subscription, ack_ids: Sequence[str]
    ) -> dict[str, str]:
        """Acknowledge messages; return ack ids that were refused, with the reason.

        With exactly-once delivery, acknowledged messages must not be redelivered, not even after a
        crash, so this waits for the commit. Otherwise duplicates are allowed, and waiting would
        cost throughput.
        https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
        """
        leases = wire.leases(subscription.ack_prefix, ack_ids)
        now = self.clock()
        async with self.journaled() if subscription.policy.exactly_once else nullcontext():
            early = subscription.out_of_turn(leases, now)
            stale = subscription.acknowledge([x for x in leases if x not in early], now)
        reasons = dict.fromkeys(stale, AckIdsRefused.STALE)
        reasons |= dict.fromkeys(early, AckIdsRefused.OUT_OF_TURN)
        return _by_ack_id(ack_ids, leases, reasons)

    def modify(
        self, subscription: Subscription, ack_ids: Sequence[str], seconds: int
    ) -> dict[str, str]:
        """Modify ack deadlines; return ack ids that were refused, with the reason."""
        leases = wire.leases(subscription.ack_prefix, ack_ids)
        stale = subscription.modify(leases, seconds, self.clock())
        return _by_ack_id(ack_ids, leases, dict.fromkeys(stale, AckIdsRefused.STALE))


def _by_ack_id(
    ack_ids: Sequence[str], leases: list[int], reasons: dict[int, str]
) -> dict[str, str]:
    if not reasons:
        return {}
    pairs = zip(ack_ids, leases, strict=True)
    return {ack_id: reasons[lease] for ack_id, lease in pairs if lease in reasons}
