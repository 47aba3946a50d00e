"""The broker as the methods of the API see it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from emulator.pubsub.doors.calls import Enclosing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import FailedPrecondition, Unavailable
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription


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
        stopping: Set when calls must not wait any more.
    """

    registry: Registry
    catalogue: Catalogue
    doorbell: Doorbell
    clock: Callable[[], float]
    journaled: Enclosing
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def pullable(self, name: str) -> Subscription:
        """Return a subscription that may be pulled from.

        Raises:
            NotFound: If it does not exist.
            FailedPrecondition: If it is a push subscription, or detached.
        """
        subscription = self.registry.subscription(name)
        if subscription.description.detached:
            raise FailedPrecondition(f"Subscription {name} is detached from its topic.")
        if subscription.policy.push is not None:
            raise FailedPrecondition("This method is not supported for this subscription type.")
        return subscription

    async def wait(self, subscription: Subscription, seconds: float | None = None) -> None:
        """Wait until messages can be leased, or for this many seconds; may return earlier.

        Raises:
            Unavailable: If the broker is stopping.
        """
        if self.stopping.is_set():
            raise Unavailable("The broker is stopping.")
        await self.doorbell.wait(subscription, seconds)

    def stop(self) -> None:
        """End the calls that wait. Otherwise gRPC would cancel them and log an error for each."""
        self.stopping.set()
        for subscription in self.registry.subscriptions.values():
            self.doorbell.ready(subscription)

    async def acknowledge(self, subscription: Subscription, ack_ids: Sequence[str]) -> list[str]:
        """Acknowledge messages, and return the ack ids whose lease has ended.

        With exactly-once delivery, acknowledged messages must not be redelivered, not even after a
        crash, so this waits for the commit. Otherwise duplicates are allowed, and waiting would
        cost throughput.
        https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
        """
        leases = wire.leases(subscription.number, ack_ids)
        async with self.journaled() if subscription.policy.exactly_once else nullcontext():
            stale = subscription.acknowledge(leases, self.clock())
        return _stale_ids(ack_ids, leases, stale)

    def modify(self, subscription: Subscription, ack_ids: Sequence[str], seconds: int) -> list[str]:
        """Modify ack deadlines, and return the ack ids whose lease has ended."""
        leases = wire.leases(subscription.number, ack_ids)
        return _stale_ids(ack_ids, leases, subscription.modify(leases, seconds, self.clock()))


def _stale_ids(ack_ids: Sequence[str], leases: list[int], stale: list[int]) -> list[str]:
    if not stale:
        return []
    ended = set(stale)
    return [ack_id for ack_id, lease in zip(ack_ids, leases, strict=True) if lease in ended]
