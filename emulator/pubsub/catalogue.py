"""The descriptions of topics and subscriptions, as clients read them back, beside the broker.

Every change goes through here: it is checked, told to the broker's rules, and written down.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from emulator.pubsub import names, resources
from emulator.pubsub.broker import Broker
from emulator.pubsub.errors import InvalidArgument
from emulator.pubsub.policies import DELETED_TOPIC
from emulator.pubsub.protos import Subscription, Topic
from emulator.pubsub.subscription import Subscription as Deliverer

_FIXED_TOPIC_FIELDS = frozenset({"name", "kms_key_name"})
_FIXED_SUBSCRIPTION_FIELDS = frozenset({"name", "topic", "filter", "enable_message_ordering"})


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


class Catalogue:
    """Creates, changes, lists and deletes topics and subscriptions."""

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

    def create_topic(self, topic: Any) -> Any:
        """Add a `Topic` and return it with its defaults."""
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
        self._broker.topic(topic.name).retention = resources.complete_topic(topic)
        return self._keep_topic(topic)

    def topics(self, project: str) -> list[Any]:
        """Return the topics of a project, sorted by name."""
        return _of_project(self._topics, project)

    def delete_topic(self, name: str) -> None:
        """Remove a topic. Its subscriptions stay, with the topic `_deleted-topic_`."""
        for orphan in self._broker.delete_topic(names.check("topics", name)):
            description = self._subscriptions[orphan.name]
            description.topic = DELETED_TOPIC
            self._keep_subscription(description)
        del self._topics[name]
        if self._registry:
            self._registry.topic_deleted(name)

    def create_subscription(self, subscription: Any) -> Any:
        """Add a `Subscription` and return it with its defaults."""
        names.check("topics", subscription.topic)
        policy = resources.complete_subscription(subscription)
        if policy.dead_letter is not None:
            self._broker.topic(policy.dead_letter.topic)
        self._broker.create_subscription(subscription.name, policy)
        return self._keep_subscription(subscription)

    def subscription(self, name: str) -> Any:
        """Return the `Subscription` of this full name."""
        self._broker.subscription(names.check("subscriptions", name))
        return self._subscriptions[name]

    def update_subscription(self, changes: Any, mask: Any) -> Any:
        """Change the fields that a mask names, and return the whole `Subscription`."""
        current = self.subscription(changes.name)
        changed = _merged(current, changes, mask, _FIXED_SUBSCRIPTION_FIELDS)
        policy = resources.complete_subscription(changed)
        if policy.dead_letter is not None:
            self._broker.topic(policy.dead_letter.topic)
        self._broker.change_policy(changed.name, policy)
        return self._keep_subscription(changed)

    def modify_push_config(self, name: str, config: Any) -> None:
        """Replace where a subscription is pushed to; an empty config means that it is pulled."""
        subscription = self.subscription(name)
        target = resources.push_target(config)
        subscription.push_config.CopyFrom(config)
        policy = self._broker.subscription(name).policy
        self._broker.change_policy(name, replace(policy, push=target))
        self._keep_subscription(subscription)

    def subscriptions(self, project: str) -> list[Any]:
        """Return the subscriptions of a project, sorted by name."""
        return _of_project(self._subscriptions, project)

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

    def restore(
        self, topics: Iterable[bytes], subscriptions: Iterable[tuple[int, bytes]]
    ) -> list[Deliverer]:
        """Take back the descriptions that an earlier run wrote down.

        Args:
            topics: Serialized `Topic`s.
            subscriptions: Numbers and serialized `Subscription`s.

        Returns:
            The subscriptions, still without messages.
        """
        for description in topics:
            topic = Topic.FromString(description)
            self._broker.create_topic(topic.name, resources.complete_topic(topic))
            self._topics[topic.name] = topic
        restored = []
        for number, description in subscriptions:
            subscription = Subscription.FromString(description)
            policy = resources.complete_subscription(subscription)
            restored.append(self._broker.create_subscription(subscription.name, policy, number))
            self._subscriptions[subscription.name] = subscription
        return restored

    def _keep_topic(self, topic: Any) -> Any:
        self._topics[topic.name] = topic
        if self._registry:
            self._registry.topic_saved(topic.name, topic.SerializeToString())
        return topic

    def _keep_subscription(self, subscription: Any) -> Any:
        self._subscriptions[subscription.name] = subscription
        if self._registry:
            number = self._broker.subscription(subscription.name).number
            self._registry.subscription_saved(
                number, subscription.name, subscription.SerializeToString()
            )
        return subscription


def _merged(current: Any, changes: Any, mask: Any, fixed: frozenset[str]) -> Any:
    if not mask.paths:
        raise InvalidArgument("The update_mask in the request is empty: name the fields to change.")
    for path in mask.paths:
        field = path.partition(".")[0]
        if field not in current.DESCRIPTOR.fields_by_name:
            raise InvalidArgument(f"Invalid update_mask: there is no field {path}.")
        if field in fixed:
            raise InvalidArgument(f"Invalid update_mask: {field} cannot be changed.")
    merged = type(current)()
    merged.CopyFrom(current)
    mask.MergeMessage(changes, merged, replace_message_field=True, replace_repeated_field=True)
    return merged


def _of_project(described: dict[str, Any], project: str) -> list[Any]:
    prefix = names.check_project(project) + "/"
    return [described[name] for name in sorted(described) if name.startswith(prefix)]
