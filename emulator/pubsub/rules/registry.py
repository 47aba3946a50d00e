"""All topics, subscriptions, snapshots and schemas, by name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from emulator.pubsub.rules import names
from emulator.pubsub.rules.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.pubsub.rules.ledger import Ledger
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DELETED_TOPIC, SubscriptionPolicy
from emulator.pubsub.rules.router import Doors, Router, Topic
from emulator.pubsub.rules.schemas.schema import Schema
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription

_Resource = TypeVar("_Resource", Topic, Subscription, Snapshot, Schema)


class Registry:
    """All resources, and the operations on them.

    Names are full names. Methods raise `NotFound` if a resource does not exist, `AlreadyExists` if
    a new one does, and `InvalidArgument` if a name is malformed.

    Attributes:
        topics: By name.
        subscriptions: By name, including those whose topic is deleted.
        snapshots: By name, including those whose topic is deleted.
        schemas: By name.
        router: Routes messages between them.
    """

    def __init__(
        self,
        doors: Doors,
        ledger: Ledger | None = None,
        *,
        first_id: int = 1,
        run: str = "",
        wall: Callable[[], float] | None = None,
    ) -> None:
        """Start empty.

        Args:
            doors: Notified when messages can be delivered.
            ledger: Records what has to survive a restart; None if nothing has to.
            first_id: First message id. Must exceed those of earlier runs.
            run: Tells the ack ids of this run of the broker from those of others.
            wall: Returns publish times, in seconds since the epoch; None for the broker's clock.
        """
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.schemas: dict[str, Schema] = {}
        self.router = Router(self.topics, doors, ledger or Ledger(), first_id, wall)
        self._doors = doors
        self._run = run
        self._next_number = 1

    def topic(self, name: str) -> Topic:
        """Return a topic."""
        return _found(self.topics, "topics", name)

    def subscription(self, name: str) -> Subscription:
        """Return a subscription."""
        return _found(self.subscriptions, "subscriptions", name)

    def snapshot(self, name: str) -> Snapshot:
        """Return a snapshot."""
        return _found(self.snapshots, "snapshots", name)

    def schema(self, name: str) -> Schema:
        """Return a schema."""
        return _found(self.schemas, "schemas", name)

    def resource(self, name: str) -> Topic | Subscription | Snapshot | Schema:
        """Return a resource of any kind."""
        match name.split("/")[2:3]:
            case ["subscriptions"]:
                return self.subscription(name)
            case ["snapshots"]:
                return self.snapshot(name)
            case ["schemas"]:
                return self.schema(name)
        return self.topic(name)

    def messages(self) -> Iterator[Message]:
        """Yield every message that somebody holds; some more than once."""
        for topic in self.topics.values():
            yield from topic.retained
        for subscription in self.subscriptions.values():
            yield from subscription.held()
        for snapshot in self.snapshots.values():
            yield from snapshot.messages

    def create_topic(self, name: str, retention: float | None = None) -> Topic:
        """Add a topic that retains messages for this many seconds, or not at all."""
        if name in self.topics:
            raise AlreadyExists(name)
        topic = self.topics[name] = Topic(name, retention)
        return topic

    def retain(self, name: str, retention: float | None) -> Topic:
        """Change how many seconds a topic retains messages; None for not at all."""
        topic = self.topic(name)
        topic.retention = retention
        for subscription in topic.subscriptions.values():
            subscription.topic_retention = retention or 0.0
        if retention is None:
            self.router.release(topic)
        return topic

    def delete_topic(self, name: str) -> Topic:
        """Remove a topic and return it; its subscriptions and snapshots keep their messages."""
        topic = self.topic(name)
        del self.topics[name]
        for subscription in topic.subscriptions.values():
            _orphan(subscription)
        for snapshot in topic.snapshots.values():
            snapshot.topic = DELETED_TOPIC
        self.router.release(topic)
        return topic

    def create_subscription(
        self, name: str, policy: SubscriptionPolicy, number: int | None = None
    ) -> Subscription:
        """Add a subscription, which receives what is published from now on.

        Args:
            name: Full name.
            policy: Its settings; the topic must exist, or be `DELETED_TOPIC`.
            number: Its number in an earlier run, if it is restored.
        """
        if name in self.subscriptions:
            raise AlreadyExists(name)
        topic = None if policy.topic == DELETED_TOPIC else self.topic(policy.topic)
        number = self._number(number)
        subscription = Subscription(name, number, policy, self.router, self._run)
        self.subscriptions[name] = subscription
        if topic is not None:
            topic.subscriptions[name] = subscription
            subscription.topic_retention = topic.retention or 0.0
        return subscription

    def change_policy(self, name: str, policy: SubscriptionPolicy) -> Subscription:
        """Replace the settings of a subscription, and notify its receivers."""
        subscription = self.subscription(name)
        subscription.change(policy)
        self._doors.ready(subscription)
        return subscription

    def delete_subscription(self, name: str) -> Subscription:
        """Remove a subscription and its backlog."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        if subscription.policy.topic in self.topics:
            self.topics[subscription.policy.topic].subscriptions.pop(name, None)
        subscription.close()
        self._doors.ready(subscription)
        return subscription

    def detach(self, name: str) -> Subscription:
        """Detach a subscription from its topic, and drop its backlog.

        Raises:
            FailedPrecondition: If it is not attached to a topic.
        """
        subscription = self.subscription(name)
        del self.topic_of(subscription).subscriptions[name]
        subscription.close()
        _orphan(subscription)
        self._doors.ready(subscription)
        return subscription

    def topic_of(self, subscription: Subscription) -> Topic:
        """Return the topic that a subscription is attached to.

        Raises:
            FailedPrecondition: If there is none.
        """
        topic = self.topics.get(subscription.policy.topic)
        if topic is None:
            raise FailedPrecondition(
                f"Subscription {subscription.name} is not attached to a topic."
            )
        return topic

    def create_snapshot(self, name: str, subscription: str) -> Snapshot:
        """Capture the unacknowledged messages of a subscription, and all that are published later.

        Raises:
            FailedPrecondition: If the subscription is not attached to a topic.
        """
        source = self.subscription(subscription)
        snapshot = self.restore_snapshot(name, self.topic_of(source).name)
        messages = source.unacknowledged()
        for message in messages:
            snapshot.offer(message)
        self.router.ledger.owed(snapshot.number, messages)
        return snapshot

    def restore_snapshot(self, name: str, topic: str, number: int | None = None) -> Snapshot:
        """Add a snapshot without messages, which collects what is published from now on.

        Args:
            name: Full name.
            topic: Full name of the topic, or `DELETED_TOPIC`.
            number: Its number in an earlier run, if it is restored.
        """
        if name in self.snapshots:
            raise AlreadyExists(name)
        snapshot = self.snapshots[name] = Snapshot(name, self._number(number), topic)
        if topic in self.topics:
            self.topics[topic].snapshots[name] = snapshot
        return snapshot

    def delete_snapshot(self, name: str) -> Snapshot:
        """Remove a snapshot and release its messages."""
        snapshot = self.snapshot(name)
        del self.snapshots[name]
        if snapshot.topic in self.topics:
            self.topics[snapshot.topic].snapshots.pop(name, None)
        for message in snapshot.messages:
            self.router.finished(snapshot, message)
        return snapshot

    def advance(self, now: float) -> None:
        """Expire leases and end retry delays that are due."""
        next_due = float("inf")
        for subscription in list(self.subscriptions.values()):
            subscription.advance(now)
            next_due = min(next_due, subscription.next_due())
        if next_due < float("inf"):
            self._doors.due(next_due)

    def expire(self, now: float) -> None:
        """Release messages whose retention is over."""
        for topic in self.topics.values():
            self.router.expire(topic, now)
        for subscription in self.subscriptions.values():
            subscription.expire(now)

    def _number(self, earlier: int | None) -> int:
        """Return the number of an earlier run, or a new one."""
        number = self._next_number if earlier is None else earlier
        self._next_number = max(self._next_number, number) + 1
        return number


def _found(resources: Mapping[str, _Resource], collection: str, name: str) -> _Resource:
    try:
        return resources[name]
    except KeyError:
        raise NotFound(names.check(collection, name)) from None


def _orphan(subscription: Subscription) -> None:
    subscription.policy = replace(subscription.policy, topic=DELETED_TOPIC)
    subscription.topic_retention = 0.0
