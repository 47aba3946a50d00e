"""What the methods of the API work with."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from emulator.pubsub.doors.calls import Enclosing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import FailedPrecondition
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription


@dataclass(frozen=True)
class Backend:
    """A broker behind its API.

    Attributes:
        registry: Has the topics, the subscriptions and their messages.
        catalogue: Describes them.
        doorbell: Rings when there are messages.
        clock: Tells seconds since the epoch.
        journaled: Encloses a change. It raises `JournalFailed` if changes cannot be recorded, and
            ends when the change is.
    """

    registry: Registry
    catalogue: Catalogue
    doorbell: Doorbell
    clock: Callable[[], float]
    journaled: Enclosing

    def pullable(self, name: str) -> Subscription:
        """Return a subscription that may be pulled from.

        Raises:
            NotFound: If there is none.
            FailedPrecondition: If it is pushed, or detached.
        """
        if self.catalogue.subscription(name).detached:
            raise FailedPrecondition(f"Subscription {name} is detached from its topic.")
        subscription = self.registry.subscription(name)
        if subscription.policy.push is not None:
            raise FailedPrecondition("This method is not supported for this subscription type.")
        return subscription

    def acknowledging(self, subscription: Subscription) -> AbstractAsyncContextManager[None]:
        """Enclose an acknowledgement; the client may be answered when this ends.

        With exactly-once delivery what was acknowledged must not come again, not even after a
        kill, so it is recorded first. Otherwise a message may come more than once anyway, and
        waiting for each acknowledgement would cost throughput.
        https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
        """
        return self.journaled() if subscription.policy.exactly_once else nullcontext()
