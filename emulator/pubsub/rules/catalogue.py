"""Administration of topics, subscriptions and snapshots in terms of the API's protobuf messages.

Every change is checked, applied to the registry, and recorded.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

from emulator.pubsub import protos
from emulator.pubsub.rules import names, resources, snapshots
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.policies import DELETED_TOPIC
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.router import Topic
from emulator.pubsub.rules.schemas.book import SchemaBook
from emulator.pubsub.rules.schemas.topics import check_settings
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription

_Resource = TypeVar("_Resource", Topic, Subscription, Snapshot)

_FIXED_TOPIC_FIELDS = frozenset({"name", "kms_key_name"})
_FIXED_SNAPSHOT_FIELDS = frozenset({"name", "topic"})
_FIXED_SUBSCRIPTION_FIELDS = frozenset(
    {"name", "topic", "filter", "enable_message_ordering", "detached", "state"}
    | {"topic_message_retention_duration"}
)


class Catalogue:
    """Creates, reads, updates, lists and deletes the resources of a registry.

    For what its methods raise see `Registry`.
    """

    def __init__(self, registry: Registry) -> None:
        """Administer a registry, and record every change in its ledger."""
        self._registry = registry
        self._ledger = registry.router.ledger

    def create_topic(self, topic: Any) -> Any:
        """Add a `Topic` and return it with its defaults."""
        resources.check_labels(topic.labels)
        retention = resources.complete_topic(topic)
        if topic.HasField("schema_settings"):
            check_settings(self._registry.schemas, topic.schema_settings)
        return self._keep_topic(self._registry.create_topic(topic.name, retention), topic)

    def topic(self, name: str) -> Any:
        """Return the `Topic` of this full name."""
        return self._registry.topic(name).description

    def update_topic(self, changes: Any, mask: Any) -> Any:
        """Change the fields in a mask, and return the whole `Topic`."""
        topic = _merged(self.topic(changes.name), changes, mask, _FIXED_TOPIC_FIELDS)
        resources.check_labels(topic.labels)
        retention = resources.complete_topic(topic)
        # A schema that has been deleted must not prevent other changes.
        if topic.HasField("schema_settings") and "schema_settings" in _fields(mask):
            check_settings(self._registry.schemas, topic.schema_settings)
        return self._keep_topic(self._registry.retain(topic.name, retention), topic)

    def topics(self, project: str) -> list[Any]:
        """Return the topics of a project, sorted by name."""
        return [topic.description for topic in _of_project(self._registry.topics, project)]

    def delete_topic(self, name: str) -> None:
        """Remove a topic; that of its subscriptions and snapshots becomes `_deleted-topic_`."""
        topic = self._registry.delete_topic(name)
        orphans: list[Subscription | Snapshot] = [*topic.subscriptions.values()]
        for orphan in [*orphans, *topic.snapshots.values()]:
            orphan.description.topic = DELETED_TOPIC
            self._keep(orphan, orphan.description)
        self._ledger.topic_deleted(name)

    def create_subscription(self, subscription: Any) -> Any:
        """Add a `Subscription` and return it with its defaults."""
        names.check("topics", subscription.topic)
        subscription.name = subscription.name or names.invent("subscriptions", subscription.topic)
        resources.check_labels(subscription.labels)
        subscription.detached = False
        policy = resources.complete_subscription(subscription)
        resources.check_receiver(policy)
        if policy.dead_letter is not None:
            self._registry.topic(policy.dead_letter.topic)
        made = self._registry.create_subscription(subscription.name, policy)
        return self._keep(made, subscription)

    def subscription(self, name: str) -> Any:
        """Return the `Subscription` of this full name."""
        return _described(self._registry.subscription(name))

    def update_subscription(self, changes: Any, mask: Any) -> Any:
        """Change the fields in a mask, and return the whole `Subscription`."""
        current = self.subscription(changes.name)
        changed = _merged(current, changes, mask, _FIXED_SUBSCRIPTION_FIELDS)
        resources.check_labels(changed.labels)
        policy = resources.complete_subscription(changed)
        resources.check_receiver(policy)
        # A dead letter topic that has been deleted must not prevent other changes.
        if policy.dead_letter is not None and "dead_letter_policy" in _fields(mask):
            self._registry.topic(policy.dead_letter.topic)
        return self._keep(self._registry.change_policy(changed.name, policy), changed)

    def modify_push_config(self, name: str, config: Any) -> None:
        """Change the push endpoint of a subscription; with an empty config it is pulled."""
        description = self.subscription(name)
        policy = self._registry.subscription(name).policy
        policy = replace(policy, push=resources.push_target(config))
        resources.check_receiver(policy)
        description.push_config.CopyFrom(config)
        description.push_config.SetInParent()
        self._keep(self._registry.change_policy(name, policy), description)

    def subscriptions(self, project: str) -> list[Any]:
        """Return the subscriptions of a project, sorted by name."""
        return list(map(_described, _of_project(self._registry.subscriptions, project)))

    def subscriptions_of_topic(self, name: str) -> list[str]:
        """Return the names of the subscriptions attached to a topic, sorted."""
        return sorted(self._registry.topic(name).subscriptions)

    def detach_subscription(self, name: str) -> None:
        """Detach a subscription from its topic, and drop its backlog."""
        subscription = self._registry.detach(name)
        subscription.description.detached = True
        self._keep(subscription, subscription.description)

    def delete_subscription(self, name: str) -> None:
        """Remove a subscription and its backlog."""
        gone = self._registry.delete_subscription(name)
        self._ledger.owner_deleted(gone.kind, gone.number)

    def create_snapshot(self, name: str, subscription: str, labels: Any, now: float) -> Any:
        """Take a snapshot of a subscription, and return the `Snapshot`."""
        source = self._registry.subscription(subscription)
        name = names.check("snapshots", name or names.invent("snapshots", subscription))
        resources.check_labels(labels)
        lifetime = snapshots.lifetime(source.unacknowledged(), now)
        taken = self._registry.create_snapshot(name, subscription)
        snapshot = protos.Snapshot(name=name, topic=taken.topic, labels=labels)
        snapshot.expire_time.FromMilliseconds(int((now + lifetime) * 1000))
        return self._keep(taken, snapshot)

    def snapshot(self, name: str) -> Any:
        """Return the `Snapshot` of this full name."""
        return self._registry.snapshot(name).description

    def update_snapshot(self, changes: Any, mask: Any) -> Any:
        """Change the fields in a mask, and return the whole `Snapshot`."""
        snapshot = _merged(self.snapshot(changes.name), changes, mask, _FIXED_SNAPSHOT_FIELDS)
        resources.check_labels(snapshot.labels)
        return self._keep(self._registry.snapshot(changes.name), snapshot)

    def snapshots(self, project: str) -> list[Any]:
        """Return the snapshots of a project, sorted by name."""
        return [taken.description for taken in _of_project(self._registry.snapshots, project)]

    def snapshots_of_topic(self, name: str) -> list[str]:
        """Return the names of the snapshots of a topic, sorted."""
        return sorted(self._registry.topic(name).snapshots)

    def delete_snapshot(self, name: str) -> None:
        """Remove a snapshot."""
        gone = self._registry.delete_snapshot(name)
        self._ledger.owner_deleted(gone.kind, gone.number)

    def remove_project(self, project: str) -> None:
        """Remove all resources of `projects/{project}`."""
        for subscription in self.subscriptions(project):
            self.delete_subscription(subscription.name)
        for snapshot in self.snapshots(project):
            self.delete_snapshot(snapshot.name)
        for topic in self.topics(project):
            self.delete_topic(topic.name)
        schemas = SchemaBook(self._registry)
        for schema in schemas.of_project(project, 0):
            schemas.delete(schema.name)

    def expire(self, now: float) -> None:
        """Remove expired snapshots, and messages whose retention is over."""
        for name, snapshot in list(self._registry.snapshots.items()):
            if snapshot.description.expire_time.ToMilliseconds() <= now * 1000:
                self.delete_snapshot(name)
        self._registry.expire(now)

    def _keep_topic(self, topic: Topic, description: Any) -> Any:
        topic.description = description
        self._ledger.topic_saved(topic.name, description.SerializeToString())
        return description

    def _keep(self, owner: Subscription | Snapshot, description: Any) -> Any:
        owner.description = description
        if isinstance(owner, Subscription):
            _described(owner)
        serialized = description.SerializeToString()
        self._ledger.owner_saved(owner.kind, owner.number, owner.name, serialized)
        return description


def _described(subscription: Subscription) -> Any:
    """Return the `Subscription` that clients read, with the current retention of its topic."""
    description = subscription.description
    description.ClearField("topic_message_retention_duration")
    if seconds := subscription.topic_retention:
        description.topic_message_retention_duration.FromMilliseconds(int(seconds * 1000))
    return description


def _fields(mask: Any) -> set[str]:
    """Return the top-level fields of a mask."""
    return {path.partition(".")[0] for path in mask.paths}


def _merged(current: Any, changes: Any, mask: Any, fixed: frozenset[str]) -> Any:
    if not mask.paths:
        raise InvalidArgument("The update_mask in the request is empty: name the fields to change.")
    for path in mask.paths:
        if not FieldMask(paths=[path]).IsValidForDescriptor(current.DESCRIPTOR):
            raise InvalidArgument(
                f"Invalid update_mask: there is no field {path}. A single entry of a list or of a"
                " map cannot be changed."
            )
    for field in _fields(mask) & fixed:
        raise InvalidArgument(f"Invalid update_mask: {field} cannot be changed.")
    merged = type(current)()
    merged.CopyFrom(current)
    mask.MergeMessage(changes, merged, replace_message_field=True, replace_repeated_field=True)
    return merged


def _of_project(resources: Mapping[str, _Resource], project: str) -> list[_Resource]:
    prefix = names.check_project(project) + "/"
    return [resources[name] for name in sorted(resources) if name.startswith(prefix)]
