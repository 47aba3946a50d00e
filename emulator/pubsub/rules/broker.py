"""The rules between topics and subscriptions: who gets what is published."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from emulator.pubsub.rules.delivery import Delivery
from emulator.pubsub.rules.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DELETED_TOPIC, SubscriptionPolicy
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription

ComposeMessage = Callable[[Message, Mapping[str, str], int, float], Message]


class Ledger(Protocol):
    """Who writes down which messages are still needed. See `journal`; memory only needs none."""

    def published(self, topic: str, messages: Sequence[Message]) -> None:
        """Messages that at least one subscription or topic keeps."""

    def owed(self, subscription: int, messages: Sequence[Message]) -> None:
        """A subscription has to deliver these (again)."""

    def attempted(self, subscription: int, message: int, attempts: int) -> None:
        """So many deliveries of a message have failed."""

    def acknowledged(self, subscription: int, message: int) -> None:
        """A subscription keeps a message for seek only."""

    def settled(self, subscription: int, message: int) -> None:
        """A subscription does not need a message any more."""

    def forgotten(self, message: int) -> None:
        """Nobody needs a message any more."""


class Doors(Protocol):
    """Who carries messages out, and has to be told when there are some."""

    def ready(self, subscription: Subscription) -> None:
        """Something of this subscription can be leased."""

    def due(self, at: float) -> None:
        """`Broker.advance` has to be called at this time, in seconds since the epoch."""


class Topic:
    """A topic: its subscriptions, and the messages it retains for seek.

    Attributes:
        name: Full name.
        retention: Seconds that every message is retained for, or None.
        subscriptions: Those attached to it, by full name.
        snapshots: Of these subscriptions, by full name.
        retained: Messages in the order they were published.
    """

    def __init__(self, name: str, retention: float | None) -> None:
        self.name = name
        self.retention = retention
        self.subscriptions: dict[str, Subscription] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.retained: deque[Message] = deque()


class Broker:
    """All topics and subscriptions. It is told the time, and never waits."""

    def __init__(
        self,
        doors: Doors,
        ledger: Ledger | None = None,
        *,
        compose: ComposeMessage,
        first_number: int = 1,
    ) -> None:
        """Start without topics.

        Args:
            doors: Are told when something can be delivered.
            ledger: Is told what has to survive, if anything has to.
            compose: Makes the message that goes to a dead letter topic, from the failed message,
                the attributes to add, a new id and the time.
            first_number: Message ids and leases are numbered from here. Must exceed every number
                of an earlier run.
        """
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self._doors = doors
        self._ledger = ledger
        self._compose = compose
        self._next_message = first_number
        self._first_lease = first_number
        self._next_number = 1

    def create_topic(self, name: str, retention: float | None = None) -> Topic:
        """Add a topic.

        Raises:
            AlreadyExists: If there is one of this name.
        """
        if name in self.topics:
            raise AlreadyExists(name)
        topic = self.topics[name] = Topic(name, retention)
        return topic

    def topic(self, name: str) -> Topic:
        """Return a topic by its full name.

        Raises:
            NotFound: If there is none.
        """
        try:
            return self.topics[name]
        except KeyError:
            raise NotFound(name) from None

    def retain(self, name: str, retention: float | None) -> None:
        """Change for how many seconds a topic retains messages; None for not at all.

        Raises:
            NotFound: If there is no such topic.
        """
        topic = self.topic(name)
        topic.retention = retention
        for subscription in topic.subscriptions.values():
            subscription.topic_retention = retention or 0.0
        if retention is None:
            while topic.retained:
                self._release(topic.retained.popleft())

    def delete_topic(self, name: str) -> Topic:
        """Remove a topic; its subscriptions and snapshots keep what they have, and get nothing new.

        Returns:
            The topic, with the subscriptions and snapshots that lost it.

        Raises:
            NotFound: If there is none.
        """
        topic = self.topic(name)
        del self.topics[name]
        for subscription in topic.subscriptions.values():
            _orphan(subscription)
        for snapshot in topic.snapshots.values():
            snapshot.topic = DELETED_TOPIC
        for message in topic.retained:
            self._release(message)
        return topic

    def create_subscription(
        self, name: str, policy: SubscriptionPolicy, number: int | None = None
    ) -> Subscription:
        """Add a subscription, which gets what is published from now on.

        Args:
            name: Full name.
            policy: Its settings; the topic has to exist, or be `DELETED_TOPIC`.
            number: The number it had in an earlier run, when it is restored.

        Raises:
            AlreadyExists: If there is one of this name.
            NotFound: If the topic does not exist.
        """
        if name in self.subscriptions:
            raise AlreadyExists(name)
        topic = None if policy.topic == DELETED_TOPIC else self.topic(policy.topic)
        subscription = Subscription(name, self._number(number), policy, self, self._first_lease)
        self.subscriptions[name] = subscription
        if topic is not None:
            topic.subscriptions[name] = subscription
            subscription.topic_retention = topic.retention or 0.0
        return subscription

    def subscription(self, name: str) -> Subscription:
        """Return a subscription by its full name.

        Raises:
            NotFound: If there is none.
        """
        try:
            return self.subscriptions[name]
        except KeyError:
            raise NotFound(name) from None

    def change_policy(self, name: str, policy: SubscriptionPolicy) -> None:
        """Replace the settings of a subscription; its doors look at them anew.

        Raises:
            NotFound: If there is no such subscription.
        """
        subscription = self.subscription(name)
        subscription.change(policy)
        self._doors.ready(subscription)

    def delete_subscription(self, name: str) -> Subscription:
        """Remove a subscription and all that it had to deliver.

        Raises:
            NotFound: If there is none.
        """
        subscription = self.subscription(name)
        del self.subscriptions[name]
        if subscription.policy.topic in self.topics:
            self.topics[subscription.policy.topic].subscriptions.pop(name, None)
        subscription.close()
        self._doors.ready(subscription)
        return subscription

    def detach(self, name: str) -> Subscription:
        """Cut a subscription off its topic; what it had to deliver is gone.

        Raises:
            NotFound: If there is none.
            FailedPrecondition: If it has no topic any more.
        """
        subscription = self.subscription(name)
        del self._topic_of(subscription).subscriptions[name]
        subscription.close()
        _orphan(subscription)
        self._doors.ready(subscription)
        return subscription

    def create_snapshot(self, name: str, subscription: str) -> Snapshot:
        """Note what a subscription has not acknowledged now, and what will be published.

        Args:
            name: Full name of the snapshot.
            subscription: Full name of the subscription.

        Raises:
            AlreadyExists: If there is a snapshot of this name.
            NotFound: If there is no such subscription.
            FailedPrecondition: If it has no topic any more.
        """
        source = self.subscription(subscription)
        snapshot = self.restore_snapshot(name, self._topic_of(source).name)
        unacknowledged = source.unacknowledged()
        for message in unacknowledged:
            snapshot.offer(message)
        if self._ledger is not None:
            self._ledger.owed(snapshot.number, unacknowledged)
        return snapshot

    def restore_snapshot(self, name: str, topic: str, number: int | None = None) -> Snapshot:
        """Add a snapshot without messages, which gets what is published from now on.

        Args:
            name: Full name.
            topic: Full name of the topic; if it does not exist, nothing will be published.
            number: The number it had in an earlier run.

        Raises:
            AlreadyExists: If there is one of this name.
        """
        if name in self.snapshots:
            raise AlreadyExists(name)
        snapshot = self.snapshots[name] = Snapshot(name, self._number(number), topic)
        if topic in self.topics:
            self.topics[topic].snapshots[name] = snapshot
        return snapshot

    def snapshot(self, name: str) -> Snapshot:
        """Return a snapshot by its full name.

        Raises:
            NotFound: If there is none.
        """
        try:
            return self.snapshots[name]
        except KeyError:
            raise NotFound(name) from None

    def delete_snapshot(self, name: str) -> Snapshot:
        """Remove a snapshot, and let go of its messages.

        Raises:
            NotFound: If there is none.
        """
        snapshot = self.snapshot(name)
        del self.snapshots[name]
        if snapshot.topic in self.topics:
            self.topics[snapshot.topic].snapshots.pop(name, None)
        for message in snapshot.messages:
            if self._ledger is not None:
                self._ledger.settled(snapshot.number, message.id)
            self._release(message)
        return snapshot

    def new_ids(self, count: int) -> range:
        """Return ids for so many messages, larger than every id given before."""
        first = self._next_message
        self._next_message += count
        return range(first, self._next_message)

    def publish(self, name: str, messages: Sequence[Message]) -> None:
        """Hand messages to every subscription of a topic whose filter they pass.

        Args:
            name: Full name of the topic.
            messages: With ids from `new_ids`, in their order.

        Raises:
            NotFound: If there is no such topic.
        """
        topic = self.topic(name)
        if topic.retention is not None:
            self._retain(topic, messages)
        takers: list[tuple[Subscription | Snapshot, Sequence[Message]]] = [
            (snapshot, messages) for snapshot in topic.snapshots.values()
        ]
        for subscription in topic.subscriptions.values():
            matches = subscription.policy.matches
            wanted = messages if matches is None else [m for m in messages if matches(m.attributes)]
            if wanted:
                takers.append((subscription, wanted))
        if self._ledger is not None and (takers or topic.retention is not None):
            self._ledger.published(name, messages)
        for taker, wanted in takers:
            if self._ledger is not None:
                self._ledger.owed(taker.number, wanted)
            for message in wanted:
                taker.offer(message)
            if isinstance(taker, Subscription):
                self._doors.ready(taker)

    def restore(self, topic: str, message: Message) -> None:
        """Take back a message that the topic retained in an earlier run, if it still does."""
        owner = self.topics.get(topic)
        if owner is not None and owner.retention is not None:
            message.holders += 1
            owner.retained.append(message)

    def seek(self, name: str, time: float, now: float) -> None:
        """Acknowledge what was published before a time, replay what was published since.

        Args:
            name: Full name of the subscription.
            time: Seconds since the epoch.
            now: Seconds since the epoch.

        Raises:
            NotFound: If there is no such subscription.
        """
        subscription = self.subscription(name)
        topic = self.topics.get(subscription.policy.topic)
        replayable = _matching(subscription, topic.retained if topic else ())
        subscription.seek(lambda message: message.published_at >= time, now, replayable)

    def seek_snapshot(self, name: str, snapshot: str, now: float) -> None:
        """Make exactly the messages of a snapshot unacknowledged.

        Args:
            name: Full name of the subscription.
            snapshot: Full name of the snapshot, of any subscription of the same topic.
            now: Seconds since the epoch.

        Raises:
            NotFound: If there is no such subscription or snapshot.
            FailedPrecondition: If they are not of one topic.
        """
        subscription = self.subscription(name)
        source = self.snapshot(snapshot)
        if self._topic_of(subscription).name != source.topic:
            raise FailedPrecondition(
                f"Snapshot {snapshot} is of topic {source.topic}, but subscription {name} is of"
                f" topic {subscription.policy.topic}."
            )
        numbers = {message.id for message in source.messages}
        replayable = _matching(subscription, source.messages)
        subscription.seek(lambda message: message.id in numbers, now, replayable)

    def advance(self, now: float) -> None:
        """Let everything happen that is due."""
        next_due = float("inf")
        for subscription in list(self.subscriptions.values()):
            subscription.advance(now)
            next_due = min(next_due, subscription.next_due())
        if next_due < float("inf"):
            self._doors.due(next_due)

    def expire(self, now: float) -> None:
        """Let go of the messages that have been retained for long enough."""
        for topic in self.topics.values():
            self._expire_retained(topic, now)
        for subscription in self.subscriptions.values():
            subscription.expire(now)

    # What subscriptions report (see `subscription.Observer`).

    def ready(self, subscription: Subscription) -> None:
        """Pass on that something can be leased."""
        self._doors.ready(subscription)

    def due(self, at: float) -> None:
        """Pass on when `advance` is wanted."""
        self._doors.due(at)

    def failed(self, subscription: Subscription, delivery: Delivery) -> None:
        """Write down how often a delivery has failed."""
        if self._ledger is not None:
            self._ledger.attempted(subscription.number, delivery.message.id, delivery.attempts)

    def exhausted(self, subscription: Subscription, delivery: Delivery, now: float) -> bool:
        """Forward a message to the dead letter topic, if that exists.

        https://docs.cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        policy = subscription.policy.dead_letter
        if policy is None or policy.topic not in self.topics:
            return False
        attributes = dead_letter_attributes(subscription.name, delivery)
        (message_id,) = self.new_ids(1)
        self.publish(policy.topic, [self._compose(delivery.message, attributes, message_id, now)])
        return True

    def finished(self, subscription: Subscription, message: Message) -> None:
        """Write down that a subscription does not need a message, and forget it if nobody does."""
        if self._ledger is not None:
            self._ledger.settled(subscription.number, message.id)
        self._release(message)

    def acknowledged(self, subscription: Subscription, message: Message) -> None:
        """Write down that a message is kept for seek only."""
        if self._ledger is not None:
            self._ledger.acknowledged(subscription.number, message.id)

    def replayed(self, subscription: Subscription, message: Message) -> None:
        """Write down that a message has to be delivered again."""
        if self._ledger is not None:
            self._ledger.owed(subscription.number, [message])

    def _number(self, earlier: int | None) -> int:
        """Return the number of an earlier run, or one that was never given."""
        number = self._next_number if earlier is None else earlier
        self._next_number = max(self._next_number, number) + 1
        return number

    def _topic_of(self, subscription: Subscription) -> Topic:
        topic = self.topics.get(subscription.policy.topic)
        if topic is None:
            raise FailedPrecondition(
                f"Subscription {subscription.name} is not attached to a topic."
            )
        return topic

    def _retain(self, topic: Topic, messages: Sequence[Message]) -> None:
        for message in messages:
            message.holders += 1
            topic.retained.append(message)
        self._expire_retained(topic, messages[-1].published_at)

    def _expire_retained(self, topic: Topic, now: float) -> None:
        oldest = now - (topic.retention or 0.0)
        while topic.retained and topic.retained[0].published_at < oldest:
            self._release(topic.retained.popleft())

    def _release(self, message: Message) -> None:
        message.holders -= 1
        if not message.holders and self._ledger is not None:
            self._ledger.forgotten(message.id)


def _orphan(subscription: Subscription) -> None:
    subscription.policy = replace(subscription.policy, topic=DELETED_TOPIC)
    subscription.topic_retention = 0.0


def _matching(subscription: Subscription, messages: Iterable[Message]) -> list[Message]:
    matches = subscription.policy.matches
    return [message for message in messages if matches is None or matches(message.attributes)]


def dead_letter_attributes(subscription: str, delivery: Delivery) -> dict[str, str]:
    """Return what a dead-lettered message tells about where it comes from.

    https://docs.cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work
    """
    _, project, _, short_name = subscription.split("/")
    published = datetime.fromtimestamp(delivery.message.published_at, UTC)
    return {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempts),
        "CloudPubSubDeadLetterSourceSubscription": short_name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": published.isoformat(timespec="milliseconds"),
    }
