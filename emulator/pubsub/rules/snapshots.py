"""Snapshots: the unacknowledged messages of a subscription, and all that are published later.

https://docs.cloud.google.com/pubsub/docs/replay-overview#snapshot_overview
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from emulator.pubsub.rules.errors import FailedPrecondition
from emulator.pubsub.rules.ledger import Kind
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.policies import DAY_SECONDS

# A snapshot expires when its oldest message reaches this age ...
LIFETIME_SECONDS = 7 * DAY_SECONDS
# ... and is refused if it would expire sooner than this.
SHORTEST_LIFE_SECONDS = 60 * 60.0


def lifetime(unacknowledged: Sequence[Message], now: float) -> float:
    """Return the lifetime in seconds of a snapshot of these messages.

    Raises:
        FailedPrecondition: If it is shorter than `SHORTEST_LIFE_SECONDS`.
    """
    age = now - unacknowledged[0].arrived_at if unacknowledged else 0.0
    left = LIFETIME_SECONDS - age
    if left < SHORTEST_LIFE_SECONDS:
        raise FailedPrecondition(
            f"The oldest unacknowledged message is {age / DAY_SECONDS:.1f} days old, so the"
            " snapshot would expire in less than an hour."
        )
    return left


@dataclass(eq=False)
class Snapshot:
    """A snapshot of a subscription, which holds its messages until it is deleted.

    Attributes:
        name: Full name.
        number: Unique among all snapshots and subscriptions.
        topic: Full name of the topic whose messages it collects, or `DELETED_TOPIC`.
        description: The `Snapshot` that clients read.
        messages: In the order they were published.
        access: Its `google.iam.v1.Policy`, serialized; empty if nobody has set one.
    """

    kind: ClassVar[Kind] = "snapshots"

    name: str
    number: int
    topic: str
    description: Any = None
    messages: list[Message] = field(default_factory=list)
    access: bytes = b""

    def offer(self, message: Message) -> None:
        """Add a message, newer than all before it."""
        message.holders += 1
        self.messages.append(message)
