"""Routes published messages to subscriptions, and keeps track of who still holds them."""

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
    """Delivers messages to clients; notified when there is something to do."""

    def ready(self, subscription: Subscription) -> None:
        """Messages of this subscription can be leased."""

    def due(self, at: float) -> None:
        """Call `Registry.advance` at this time, in seconds since the epoch."""


class Topic:
    """A topic, its subscriptions, and the messages it retains for seek.

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
    """Delivers published messages to subscriptions, and records what subscriptions report.

    Attributes:
        ready: Called when messages of a subscription become available for lease.
        due: Called with the time at which a subscription needs `advance`, in seconds.
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
            doors: Notified when messages can be delivered.
            ledger: Records what has to survive a restart.
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
        """Return this many new message ids, each larger than every earlier one."""
        first = self._next_id
        self._next_id += count
        return range(first, self._next_id)

    def publish(self, topic: Topic, messages: Sequence[Message]) -> None:
        """Add messages to the snapshots and subscriptions of a topic, as filters allow.

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
        """Retain a message for seek."""
        message.holders += 1
        topic.retained.append(message)

    def expire(self, topic: Topic, now: float) -> None:
        """Release the messages that a topic has retained for long enough."""
        for message in topic.retained.drain(now - (topic.retention or 0.0)):
            self._release(message)

    def release(self, topic: Topic) -> None:
        """Release all messages that a topic retains."""
        for message in topic.retained.drain():
            self._release(message)

    def collect(self, snapshot: Snapshot, messages: Sequence[Message]) -> None:
        """Add messages to a snapshot."""
        for message in messages:
            snapshot.offer(message)
        self._ledger.owed(snapshot.number, messages)

    def failed(self, subscription: Subscription, delivery: Delivery) -> None:
        """Record the failed attempts of a delivery that will be retried."""
        self._ledger.attempted(subscription.number, delivery.message.id, delivery.attempts)

    def exhausted(self, subscription: Subscription, delivery: Delivery, now: float) -> bool:
        """Forward a message to the dead letter topic, and return whether that topic exists.

        If it does not, the message is to be retried.
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
        """Record that an owner no longer holds a message; forget the message if nobody does."""
        self._ledger.settled(owner.number, message.id)
        self._release(message)

    def acknowledged(self, subscription: Subscription, message: Message) -> None:
        """Record that a message is retained for seek only."""
        self._ledger.acknowledged(subscription.number, message.id)

    def replayed(self, subscription: Subscription, message: Message) -> None:
        """Record that a message is to be delivered again."""
        self._ledger.owed(subscription.number, [message])

    def _release(self, message: Message) -> None:
        message.holders -= 1
        if not message.holders:
            self._ledger.forgotten(message.id)


def dead_letter_attributes(subscription: str, delivery: Delivery) -> dict[str, str]:
    """Return the attributes that say where a dead-lettered message comes from.

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
