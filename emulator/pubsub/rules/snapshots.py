"""Snapshots: the unacknowledged messages of a subscription at a moment, and all published later.

https://docs.cloud.google.com/pubsub/docs/replay-overview#snapshot_overview
"""

from collections.abc import Sequence
from typing import Any

from emulator.pubsub.rules.errors import FailedPrecondition
from emulator.pubsub.rules.ledger import Kind
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DAY_SECONDS

# A snapshot ends when its oldest message has this age ...
LIFETIME_SECONDS = 7 * DAY_SECONDS
# ... and is refused if that is sooner than this.
SHORTEST_LIFE_SECONDS = 60 * 60.0


def lifetime(unacknowledged: Sequence[Message], now: float) -> float:
    """Return the lifetime in seconds of a snapshot of these messages.

    Raises:
        FailedPrecondition: If that is too short for a snapshot to be of use.
    """
    age = now - unacknowledged[0].published_at if unacknowledged else 0.0
    left = LIFETIME_SECONDS - age
    if left < SHORTEST_LIFE_SECONDS:
        raise FailedPrecondition(
            f"The oldest unacknowledged message is {age / DAY_SECONDS:.1f} days old, so the"
            " snapshot would expire in less than an hour."
        )
    return left


class Snapshot:
    """A snapshot of a subscription, which holds its messages until it is deleted.

    Attributes:
        name: Full name.
        number: Tells it apart from every other snapshot and subscription.
        description: The `Snapshot` that clients read.
        topic: Full name of the topic whose messages it collects, or `DELETED_TOPIC`.
        messages: In the order they were published.
    """

    kind: Kind = "snapshots"

    def __init__(self, name: str, number: int, topic: str) -> None:
        self.name = name
        self.number = number
        self.topic = topic
        self.description: Any = None
        self.messages: list[Message] = []

    def offer(self, message: Message, _attempts: int = 0) -> None:
        """Add a message that was published later than all before it."""
        message.holders += 1
        self.messages.append(message)
