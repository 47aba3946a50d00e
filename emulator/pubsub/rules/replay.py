"""Seek: to a time, or to a snapshot.

Names are full names, and times are seconds since the epoch. Both functions raise `NotFound` if one
of the resources does not exist.

https://docs.cloud.google.com/pubsub/docs/replay-overview
"""

from emulator.pubsub.rules.errors import FailedPrecondition
from emulator.pubsub.rules.registry import Registry


def seek(registry: Registry, name: str, time: float, now: float) -> None:
    """Acknowledge what was published before a time, and replay what was published since."""
    subscription = registry.subscription(name)
    topic = registry.topics.get(subscription.policy.topic)
    replayable = subscription.policy.wanted(topic.retained if topic else ())
    subscription.seek(lambda message: message.published_at >= time, now, replayable)


def seek_snapshot(registry: Registry, name: str, snapshot: str, now: float) -> None:
    """Replay exactly the messages of a snapshot, and acknowledge all others.

    The messages are retained even if they are older than the retention of the subscription: a
    snapshot guarantees them for as long as it exists, which would be worth nothing otherwise.

    Raises:
        FailedPrecondition: If the subscription and the snapshot belong to different topics.
    """
    subscription = registry.subscription(name)
    source = registry.snapshot(snapshot)
    if registry.topic_of(subscription).name != source.topic:
        raise FailedPrecondition(
            f"Snapshot {snapshot} is of topic {source.topic}, but subscription {name} is of"
            f" topic {subscription.policy.topic}."
        )
    numbers = {message.id for message in source.messages}
    replayable = subscription.policy.wanted(source.messages)
    subscription.seek(lambda message: message.id in numbers, now, replayable, guaranteed=True)
