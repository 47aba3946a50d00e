"""Who gets what is published, and who still needs it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from emulator.pubsub.rules.delivery import Delivery
from emulator.pubsub.rules.ledger import Ledger
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.retained import Retained
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription

ComposeMessage = Callable[[Message, Mapping[str, str], int, float], Message]


class Doors(Protocol):
    """Who carries messages out, and has to be told when there are some."""

    def ready(self, subscription: Subscription) -> None:
        """Something of this subscription can be leased."""

    def due(self, at: float) -> None:
        """`Registry.advance` has to be called at this time, in seconds since the epoch."""


class Topic:
    """A topic: its subscriptions, and the messages it retains for seek.

    Attributes:
        name: Full name.
        retention: Seconds that every message is retained for, or None.
        description: The `Topic` that clients read.
        subscriptions: Those attached to it, by full name.
        snapshots: Of these subscriptions, by full name.
        retained: Messages in the order they were published.
    """

    def __init__(self, name: str, retention: float | None) -> None:
        self.name = name
        self.retention = retention
        self.description: Any = None
        self.subscriptions: dict[str, Subscription] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.retained = Retained()


class Router:
    """Hands messages on, and has written down what subscriptions tell it.

    Attributes:
        ready: To be called when something of a subscription can be leased that could not before.
        due: To be called when a subscription wants `advance` called at a time, in seconds.
    """

    def __init__(
        self,
        topics: Mapping[str, Topic],
        doors: Doors,
        ledger: Ledger,
        compose: ComposeMessage,
        first_id: int,
    ) -> None:
        """Route between topics.

        Args:
            topics: All there are, by full name.
            doors: Are told when something can be delivered.
            ledger: Is told what has to survive.
            compose: Makes the message that goes to a dead letter topic, from the failed message,
                the attributes to add, a new id and the time.
            first_id: Message ids are counted from here.
        """
        self.ready, self.due = doors.ready, doors.due
        self._topics = topics
        self._ledger = ledger
        self._compose = compose
        self._next_id = first_id

    def new_ids(self, count: int) -> range:
        """Return ids for so many messages, larger than every id given before."""
        first = self._next_id
        self._next_id += count
        return range(first, self._next_id)

    def publish(self, topic: Topic, messages: Sequence[Message]) -> None:
        """Hand messages to every subscription of a topic whose filter they pass.

        Args:
            topic: Where they are published.
            messages: With ids from `new_ids`, in their order.
        """
        if topic.retention is not None:
            for message in messages:
                self.retain(topic, message)
            self.expire(topic, messages[-1].published_at)
        takers: list[tuple[Subscription | Snapshot, Sequence[Message]]] = [
            (snapshot, messages) for snapshot in topic.snapshots.values()
        ]
        for subscription in topic.subscriptions.values():
            if wanted := subscription.policy.wanted(messages):
                takers.append((subscription, wanted))
        if takers or topic.retention is not None:
            self._ledger.published(topic.name, messages)
        for taker, wanted in takers:
            self._ledger.owed(taker.number, wanted)
            for message in wanted:
                taker.offer(message)
            if isinstance(taker, Subscription):
                self.ready(taker)

    def retain(self, topic: Topic, message: Message) -> None:
        """Keep a message for those who seek to it."""
        message.holders += 1
        topic.retained.append(message)

    def expire(self, topic: Topic, now: float) -> None:
        """Let go of what a topic has retained for long enough."""
        for message in topic.retained.drain(now - (topic.retention or 0.0)):
            self._release(message)

    def release(self, topic: Topic) -> None:
        """Let go of all that a topic retains."""
        for message in topic.retained.drain():
            self._release(message)

    def collect(self, snapshot: Snapshot, messages: Sequence[Message]) -> None:
        """Have a snapshot keep messages."""
        for message in messages:
            snapshot.offer(message)
        self._ledger.owed(snapshot.number, messages)

    def failed(self, subscription: Subscription, delivery: Delivery) -> None:
        """Write down how often a delivery has failed that will be tried again."""
        self._ledger.attempted(subscription.number, delivery.message.id, delivery.attempts)

    def exhausted(self, subscription: Subscription, delivery: Delivery, now: float) -> bool:
        """Forward a message that failed as often as it may, and tell whether that was possible.

        It is not without the dead letter topic; then the message is to be tried again.
        https://docs.cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        policy = subscription.policy.dead_letter
        topic = self._topics.get(policy.topic) if policy else None
        if topic is None:
            return False
        attributes = dead_letter_attributes(subscription.name, delivery)
        (message_id,) = self.new_ids(1)
        self.publish(topic, [self._compose(delivery.message, attributes, message_id, now)])
        return True

    def finished(self, owner: Subscription | Snapshot, message: Message) -> None:
        """Write down that an owner does not need a message, and forget it if nobody does."""
        self._ledger.settled(owner.number, message.id)
        self._release(message)

    def acknowledged(self, subscription: Subscription, message: Message) -> None:
        """Write down that a message is kept for seek only."""
        self._ledger.acknowledged(subscription.number, message.id)

    def replayed(self, subscription: Subscription, message: Message) -> None:
        """Write down that a message has to be delivered again."""
        self._ledger.owed(subscription.number, [message])

    def _release(self, message: Message) -> None:
        message.holders -= 1
        if not message.holders:
            self._ledger.forgotten(message.id)


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
