"""What clients read back of topics, subscriptions and snapshots, beside the broker itself.

Every change goes through here: it is checked, told to the broker's rules, and written down.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub.protos import Snapshot, Subscription, Topic
from emulator.pubsub.rules import names, resources, snapshots
from emulator.pubsub.rules.broker import Broker
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.policies import DELETED_TOPIC
from emulator.pubsub.rules.snapshots import Snapshot as Collector
from emulator.pubsub.rules.subscription import Subscription as Deliverer

_FIXED_TOPIC_FIELDS = frozenset({"name", "kms_key_name"})
_FIXED_SNAPSHOT_FIELDS = frozenset({"name", "topic"})
_FIXED_SUBSCRIPTION_FIELDS = frozenset(
    {
        "name",
        "topic",
        "filter",
        "enable_message_ordering",
        "detached",
        "state",
        "topic_message_retention_duration",
    }
)


class Registry(Protocol):
    """Who writes descriptions down. See `journal`."""

    def topic_saved(self, name: str, description: bytes) -> None:
        """A topic is new or has changed."""

    def topic_deleted(self, name: str) -> None:
        """A topic is gone."""

    def subscription_saved(self, number: int, name: str, description: bytes) -> None:
        """A subscription is new or has changed."""

    def subscription_deleted(self, number: int) -> None:
        """A subscription is gone."""

    def snapshot_saved(self, number: int, name: str, description: bytes) -> None:
        """A snapshot is new or has changed."""

    def snapshot_deleted(self, number: int) -> None:
        """A snapshot is gone."""


class Catalogue:
    """Creates, changes, lists and deletes topics, subscriptions and snapshots."""

    def __init__(self, broker: Broker, registry: Registry | None = None) -> None:
        """Describe what a broker holds.

        Args:
            broker: Still empty.
            registry: Is told every change, if they have to survive.
        """
        self._broker = broker
        self._registry = registry
        self._topics: dict[str, Any] = {}
        self._subscriptions: dict[str, Any] = {}
        self._snapshots: dict[str, Any] = {}

    def create_topic(self, topic: Any) -> Any:
        """Add a `Topic` and return it with its defaults."""
        resources.check_labels(topic.labels)
        retention = resources.complete_topic(topic)
        self._broker.create_topic(topic.name, retention)
        return self._keep_topic(topic)

    def topic(self, name: str) -> Any:
        """Return the `Topic` of this full name."""
        self._broker.topic(names.check("topics", name))
        return self._topics[name]

    def update_topic(self, changes: Any, mask: Any) -> Any:
        """Change the fields that a mask names, and return the whole `Topic`."""
        topic = _merged(self.topic(changes.name), changes, mask, _FIXED_TOPIC_FIELDS)
        resources.check_labels(topic.labels)
        self._broker.retain(topic.name, resources.complete_topic(topic))
        return self._keep_topic(topic)

    def topics(self, project: str) -> list[Any]:
        """Return the topics of a project, sorted by name."""
        return _of_project(self._topics, project)

    def delete_topic(self, name: str) -> None:
        """Remove a topic; its subscriptions and snapshots get the topic `_deleted-topic_`."""
        topic = self._broker.delete_topic(names.check("topics", name))
        for orphan in topic.subscriptions:
            self._subscriptions[orphan].topic = DELETED_TOPIC
            self._keep_subscription(self._subscriptions[orphan])
        for orphan in topic.snapshots:
            self._snapshots[orphan].topic = DELETED_TOPIC
            self._keep_snapshot(self._snapshots[orphan])
        del self._topics[name]
        if self._registry:
            self._registry.topic_deleted(name)

    def create_subscription(self, subscription: Any) -> Any:
        """Add a `Subscription` and return it with its defaults."""
        names.check("topics", subscription.topic)
        resources.check_labels(subscription.labels)
        subscription.detached = False
        policy = resources.complete_subscription(subscription)
        resources.check_push(policy)
        if policy.dead_letter is not None:
            self._broker.topic(policy.dead_letter.topic)
        self._broker.create_subscription(subscription.name, policy)
        return self._keep_subscription(subscription)

    def subscription(self, name: str) -> Any:
        """Return the `Subscription` of this full name."""
        self._broker.subscription(names.check("subscriptions", name))
        return self._with_retention(self._subscriptions[name])

    def update_subscription(self, changes: Any, mask: Any) -> Any:
        """Change the fields that a mask names, and return the whole `Subscription`."""
        current = self.subscription(changes.name)
        changed = _merged(current, changes, mask, _FIXED_SUBSCRIPTION_FIELDS)
        resources.check_labels(changed.labels)
        policy = resources.complete_subscription(changed)
        resources.check_push(policy)
        # One that was deleted since does not stand in the way of other changes.
        if policy.dead_letter is not None and "dead_letter_policy" in _fields(mask):
            self._broker.topic(policy.dead_letter.topic)
        self._broker.change_policy(changed.name, policy)
        return self._keep_subscription(changed)

    def modify_push_config(self, name: str, config: Any) -> None:
        """Replace where a subscription is pushed to; an empty config means that it is pulled."""
        subscription = self.subscription(name)
        policy = self._broker.subscription(name).policy
        policy = replace(policy, push=resources.push_target(config))
        resources.check_push(policy)
        subscription.push_config.CopyFrom(config)
        self._broker.change_policy(name, policy)
        self._keep_subscription(subscription)

    def subscriptions(self, project: str) -> list[Any]:
        """Return the subscriptions of a project, sorted by name."""
        return list(map(self._with_retention, _of_project(self._subscriptions, project)))

    def subscriptions_of_topic(self, name: str) -> list[str]:
        """Return the names of the subscriptions attached to a topic, sorted."""
        return sorted(self._broker.topic(names.check("topics", name)).subscriptions)

    def detach_subscription(self, name: str) -> None:
        """Cut a subscription off its topic and drop what it had to deliver."""
        subscription = self.subscription(name)
        self._broker.detach(name)
        subscription.detached = True
        self._keep_subscription(subscription)

    def delete_subscription(self, name: str) -> None:
        """Remove a subscription and what it had to deliver."""
        number = self._broker.delete_subscription(names.check("subscriptions", name)).number
        del self._subscriptions[name]
        if self._registry:
            self._registry.subscription_deleted(number)

    def create_snapshot(self, name: str, subscription: str, labels: Any, now: float) -> Any:
        """Take a snapshot of a subscription, and return the `Snapshot`."""
        names.check("snapshots", name)
        resources.check_labels(labels)
        source = self._broker.subscription(names.check("subscriptions", subscription))
        lifetime = snapshots.lifetime(source.unacknowledged(), now)
        taken = self._broker.create_snapshot(name, subscription)
        snapshot = Snapshot(name=name, topic=taken.topic, labels=labels)
        snapshot.expire_time.FromMilliseconds(int((now + lifetime) * 1000))
        return self._keep_snapshot(snapshot)

    def snapshot(self, name: str) -> Any:
        """Return the `Snapshot` of this full name."""
        self._broker.snapshot(names.check("snapshots", name))
        return self._snapshots[name]

    def update_snapshot(self, changes: Any, mask: Any) -> Any:
        """Change the fields that a mask names, and return the whole `Snapshot`."""
        snapshot = _merged(self.snapshot(changes.name), changes, mask, _FIXED_SNAPSHOT_FIELDS)
        resources.check_labels(snapshot.labels)
        return self._keep_snapshot(snapshot)

    def snapshots(self, project: str) -> list[Any]:
        """Return the snapshots of a project, sorted by name."""
        return _of_project(self._snapshots, project)

    def snapshots_of_topic(self, name: str) -> list[str]:
        """Return the names of the snapshots that collect from a topic, sorted."""
        return sorted(self._broker.topic(names.check("topics", name)).snapshots)

    def delete_snapshot(self, name: str) -> None:
        """Remove a snapshot."""
        number = self._broker.delete_snapshot(names.check("snapshots", name)).number
        del self._snapshots[name]
        if self._registry:
            self._registry.snapshot_deleted(number)

    def expire(self, now: float) -> None:
        """Remove the snapshots whose life is over, and messages that were retained long enough."""
        for name, snapshot in list(self._snapshots.items()):
            if snapshot.expire_time.ToMilliseconds() <= now * 1000:
                self.delete_snapshot(name)
        self._broker.expire(now)

    def restore(
        self,
        topics: Iterable[bytes],
        subscriptions: Iterable[tuple[int, bytes]],
        snapshots: Iterable[tuple[int, bytes]] = (),
    ) -> list[Deliverer | Collector]:
        """Take back the descriptions that an earlier run wrote down.

        Args:
            topics: Serialized `Topic`s.
            subscriptions: Numbers and serialized `Subscription`s.
            snapshots: Numbers and serialized `Snapshot`s.

        Returns:
            The subscriptions and snapshots, still without messages.
        """
        for description in topics:
            topic = Topic.FromString(description)
            self._broker.create_topic(topic.name, resources.complete_topic(topic))
            self._topics[topic.name] = topic
        restored: list[Deliverer | Collector] = []
        for number, description in subscriptions:
            subscription = Subscription.FromString(description)
            policy = resources.complete_subscription(subscription)
            restored.append(self._broker.create_subscription(subscription.name, policy, number))
            self._subscriptions[subscription.name] = subscription
        for number, description in snapshots:
            snapshot = Snapshot.FromString(description)
            restored.append(self._broker.restore_snapshot(snapshot.name, snapshot.topic, number))
            self._snapshots[snapshot.name] = snapshot
        return restored

    def _keep_topic(self, topic: Any) -> Any:
        self._topics[topic.name] = topic
        if self._registry:
            self._registry.topic_saved(topic.name, topic.SerializeToString())
        return topic

    def _keep_subscription(self, subscription: Any) -> Any:
        self._subscriptions[subscription.name] = self._with_retention(subscription)
        if self._registry:
            number = self._broker.subscription(subscription.name).number
            self._registry.subscription_saved(
                number, subscription.name, subscription.SerializeToString()
            )
        return subscription

    def _with_retention(self, subscription: Any) -> Any:
        """Fill in for how long the topic retains messages, which may have changed since."""
        seconds = self._broker.subscription(subscription.name).topic_retention
        subscription.ClearField("topic_message_retention_duration")
        if seconds:
            subscription.topic_message_retention_duration.FromMilliseconds(int(seconds * 1000))
        return subscription

    def _keep_snapshot(self, snapshot: Any) -> Any:
        self._snapshots[snapshot.name] = snapshot
        if self._registry:
            number = self._broker.snapshot(snapshot.name).number
            self._registry.snapshot_saved(number, snapshot.name, snapshot.SerializeToString())
        return snapshot


def _fields(mask: Any) -> set[str]:
    """Return the fields that a mask names, also those of which it names a part only."""
    return {path.partition(".")[0] for path in mask.paths}


def _merged(current: Any, changes: Any, mask: Any, fixed: frozenset[str]) -> Any:
    if not mask.paths:
        raise InvalidArgument("The update_mask in the request is empty: name the fields to change.")
    for path in mask.paths:
        if not FieldMask(paths=[path]).IsValidForDescriptor(current.DESCRIPTOR):
            raise InvalidArgument(
                f"Invalid update_mask: there is no field {path}. An entry of a list or of a map"
                " cannot be named, only the whole."
            )
    for field in _fields(mask) & fixed:
        raise InvalidArgument(f"Invalid update_mask: {field} cannot be changed.")
    merged = type(current)()
    merged.CopyFrom(current)
    mask.MergeMessage(changes, merged, replace_message_field=True, replace_repeated_field=True)
    return merged


def _of_project(described: dict[str, Any], project: str) -> list[Any]:
    prefix = names.check_project(project) + "/"
    return [described[name] for name in sorted(described) if name.startswith(prefix)]
