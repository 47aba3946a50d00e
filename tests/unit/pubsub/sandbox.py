"""The rules of the broker without clock, socket or file."""

from typing import Any

from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.policies import SubscriptionPolicy
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.replay import seek, seek_snapshot
from emulator.pubsub.rules.subscription import Subscription

TOPIC = "projects/p/topics/things"
START = 1_000_000.0


class Sandbox:
    """A broker with one topic, a clock that only tests move, and a record of what it tells."""

    def __init__(self, ledger: Any = None, retention: float | None = None) -> None:
        self.now = START
        self.behind = 0.0  # How far the machine's clock was set back.
        self.rung: list[str] = []
        self.alarms: list[float] = []
        self.registry = Registry(self, ledger, wall=lambda: self.now - self.behind)
        self.router = self.registry.router
        self.registry.create_topic(TOPIC, retention)

    def ready(self, subscription: Subscription) -> None:
        self.rung.append(subscription.name)

    def due(self, at: float) -> None:
        self.alarms.append(at)

    def subscribe(self, name: str = "all", **policy: Any) -> Subscription:
        settings = SubscriptionPolicy(**{"topic": TOPIC, **policy})
        return self.registry.create_subscription(f"projects/p/subscriptions/{name}", settings)

    def publish(self, content: str, key: str = "", topic: str = TOPIC, **attributes: str) -> int:
        draft = PubsubMessage(data=content.encode(), attributes=attributes, ordering_key=key)
        messages = self.router.stamp([draft], self.now)
        self.router.publish(self.registry.topic(topic), messages)
        return messages[0].id

    def lease(self, subscription: Subscription, limit: int = 100, **options: Any) -> list[Any]:
        return subscription.lease(self.now, limit, **options)

    def take(self, subscription: Subscription, limit: int = 100, **options: Any) -> list[str]:
        """Lease, acknowledge, and return what the messages say."""
        deliveries = self.lease(subscription, limit, **options)
        self.acknowledge(subscription, *deliveries)
        return contents(deliveries)

    def acknowledge(self, subscription: Subscription, *deliveries: Any) -> list[int]:
        return subscription.acknowledge([d.lease for d in deliveries], self.now)

    def refuse(self, subscription: Subscription, *deliveries: Any) -> list[int]:
        return subscription.modify([d.lease for d in deliveries], 0, self.now)

    def seek(self, subscription: Subscription, time: float) -> None:
        seek(self.registry, subscription.name, time, self.now)

    def seek_snapshot(self, subscription: Subscription, snapshot: str) -> None:
        seek_snapshot(self.registry, subscription.name, snapshot, self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds


def contents(deliveries: list[Any]) -> list[str]:
    return [wire.parse(delivery.message.wire).data.decode() for delivery in deliveries]
