"""Restores what an earlier run recorded."""

from contextlib import suppress

from emulator.pubsub import protos
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.errors import NotFound
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.resources import complete_subscription, complete_topic
from emulator.pubsub.rules.schemas.schema import Schema
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription


def restore(journal: Journal, registry: Registry) -> None:
    """Fill an empty registry from a journal that has not been started."""
    for serialized in journal.earlier.schemas():
        revision = protos.Schema.FromString(serialized)
        registry.schemas.setdefault(revision.name, Schema(revision.name)).add(revision)
    for serialized in journal.earlier.topics():
        topic = protos.Topic.FromString(serialized)
        registry.create_topic(topic.name, complete_topic(topic)).description = topic
    owners: dict[int, Subscription | Snapshot] = {}
    for number, serialized in journal.earlier.owners("subscriptions"):
        description = protos.Subscription.FromString(serialized)
        policy = complete_subscription(description)
        owners[number] = registry.create_subscription(description.name, policy, number)
        owners[number].description = description
    for number, serialized in journal.earlier.owners("snapshots"):
        description = protos.Snapshot.FromString(serialized)
        owners[number] = registry.restore_snapshot(description.name, description.topic, number)
        owners[number].description = description
    for resource, access in journal.earlier.access():
        with suppress(NotFound):
            registry.resource(resource).access = access
    _restore_messages(journal, registry, owners)


def _restore_messages(
    journal: Journal, registry: Registry, owners: dict[int, Subscription | Snapshot]
) -> None:
    holders: dict[int, list[tuple[Subscription | Snapshot, int, int]]] = {}
    for message_id, number, attempts, acknowledged in journal.earlier.deliveries():
        if number in owners:
            holders.setdefault(message_id, []).append((owners[number], attempts, acknowledged))
        else:
            # Or a later owner of this number would get it.
            journal.settled(number, message_id)
    for message_id, topic_name, content in journal.earlier.messages():
        message = wire.restore(message_id, content)
        topic = registry.topics.get(topic_name)
        if topic is not None and topic.retention is not None:
            registry.router.retain(topic, message)
        held = holders.get(message_id, ())
        # What a seek to a snapshot has brought back is not recorded as such.
        guaranteed = any(isinstance(owner, Snapshot) for owner, _, _ in held)
        for owner, attempts, acknowledged in held:
            if isinstance(owner, Snapshot):
                owner.offer(message)
            elif acknowledged:
                owner.retain(message)
            else:
                owner.offer(message, attempts, guaranteed=guaranteed)
        if not message.holders:
            journal.forgotten(message_id)
