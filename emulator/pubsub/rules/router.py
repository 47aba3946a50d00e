"""Routes published messages to subscriptions, and counts who still holds them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from emulator.pubsub.rules import wire
from emulator.pubsub.rules.ledger import Ledger
from emulator.pubsub.rules.messages import Delivery, Message, Retained
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription
from emulator.pubsub.rules.watch import Watch


class Doors(Protocol):
    """What delivers messages to clients; notified when there is something to do."""

    def ready(self, subscription: Subscription) -> None:
        """Note that messages of this subscription can be leased."""

    def due(self, at: float) -> None:
        """Call `Registry.advance` at this time, in seconds since the epoch."""


@dataclass(eq=False)
class Topic:
    """A topic, its subscriptions, and the messages it retains for seek.

    Attributes:
        name: Full name.
        retention: Seconds that every message is retained for, or None.
        description: The `Topic` that clients read.
        subscriptions: Those attached to it, by full name.
        snapshots: Those of its subscriptions, by full name.
        access: Its `google.iam.v1.Policy`, serialized; empty if nobody has set one.
        retained: Messages in the order they were published.
    """

    name: str
    retention: float | None
    description: Any = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    access: bytes = b""
    retained: Retained = field(default_factory=Retained)


class Router:
    """Delivers published messages to subscriptions, and records what subscriptions report.

    Attributes:
        ready: Called when messages of a subscription can be leased.
        due: Called with the time, in seconds, at which a subscription needs `advance`.
        ledger: Records what has to survive a restart.
        watch: Told of what happens to messages.
    """

    def __init__(
        self,
        topics: Mapping[str, Topic],
        doors: Doors,
        ledger: Ledger,
        first_id: int,
        wall: Callable[[], float] | None = None,
    ) -> None:
        """Route between topics, by full name; message ids start at `first_id`.

        `wall` returns the publish time that clients see, if that is not the broker's time.
        """
        self.ready, self.due = doors.ready, doors.due
        self._topics = topics
        self.ledger = ledger
        self.watch = Watch()
        self._next_id = first_id
        self._wall = wall

    def new_ids(self, count: int) -> range:
        """Return this many new message ids, each larger than every earlier one."""
        first = self._next_id
        self._next_id += count
        return range(first, self._next_id)

    def stamp(self, drafts: Collection[Any], now: float) -> list[Message]:
        """Return messages for `publish` from those of a publisher."""
        return wire.stamp(drafts, self.new_ids(len(drafts)), now, self._wall and self._wall())

    def publish(self, topic: Topic, messages: Sequence[Message]) -> None:
        """Add messages to the snapshots and subscriptions of a topic, as filters allow.

        Args:
            topic: Topic to which they are published.
            messages: Messages from `stamp`, in that order.
        """
        self.watch.published(topic.name, messages)
        if topic.retention is not None:
            for message in messages:
                self.retain(topic, message)
            self.expire(topic, messages[-1].arrived_at)
        owners: list[tuple[Subscription | Snapshot, Sequence[Message]]] = [
            (snapshot, messages) for snapshot in topic.snapshots.values()
        ]
        for subscription in topic.subscriptions.values():
            if wanted := subscription.policy.wanted(messages):
                owners.append((subscription, wanted))
        if owners or topic.retention is not None:
            self.ledger.published(topic.name, messages)
        for owner, wanted in owners:
            self.ledger.owed(owner.number, wanted)
            for message in wanted:
                owner.offer(message)
            if isinstance(owner, Subscription):
                self.ready(owner)

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

    def exhausted(self, subscription: Subscription, delivery: Delivery, now: float) -> bool:
        """Forward a message to the dead letter topic; return False if that topic does not exist.

        https://docs.cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        policy = subscription.policy.dead_letter
        topic = self._topics.get(policy.topic) if policy else None
        if topic is None:
            return False
        attributes = dead_letter_attributes(subscription.name, delivery)
        [letter] = self.stamp([wire.dead_letter(delivery.message, attributes)], now)
        self.watch.died(subscription, delivery, letter)
        self.publish(topic, [letter])
        return True

    def finished(self, owner: Subscription | Snapshot, message: Message) -> None:
        """Record that an owner no longer holds a message; forget the message if nobody does."""
        self.ledger.settled(owner.number, message.id)
        self._release(message)

    def _release(self, message: Message) -> None:
        message.holders -= 1
        if not message.holders:
            self.ledger.forgotten(message.id)


def dead_letter_attributes(subscription: str, delivery: Delivery) -> dict[str, str]:
    """Return the attributes that say where a dead letter comes from.

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
