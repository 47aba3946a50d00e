"""Seek: to a time, or to a snapshot.

https://docs.cloud.google.com/pubsub/docs/replay-overview
"""

from emulator.pubsub.rules.errors import FailedPrecondition
from emulator.pubsub.rules.registry import Registry


def seek(registry: Registry, name: str, time: float, now: float) -> None:
    """Acknowledge what was published before a time, and replay what was published since.

    Args:
        registry: Contains the subscription.
        name: Full name of the subscription.
        time: Seconds since the epoch.
        now: Seconds since the epoch.

    Raises:
        NotFound: If there is no such subscription.
    """
    subscription = registry.subscription(name)
    topic = registry.topics.get(subscription.policy.topic)
    replayable = subscription.policy.wanted(topic.retained if topic else ())
    subscription.seek(lambda message: message.published_at >= time, now, replayable)


def seek_snapshot(registry: Registry, name: str, snapshot: str, now: float) -> None:
    """Replay exactly the messages of a snapshot, and acknowledge all others.

    Args:
        registry: Contains both.
        name: Full name of the subscription.
        snapshot: Full name of a snapshot of any subscription of the same topic.
        now: Seconds since the epoch.

    Raises:
        NotFound: If there is no such subscription or snapshot.
        FailedPrecondition: If they belong to different topics.
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
    subscription.seek(lambda message: message.id in numbers, now, replayable)
