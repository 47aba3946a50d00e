"""Published messages, and their deliveries to subscriptions."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

NO_ATTRIBUTES: Mapping[str, str] = {}


@dataclass(slots=True, eq=False)
class Message:
    """One published message. Only `holders` changes, and `wire` if its schema is deleted.

    The broker's clock never goes back, and so is ahead of the machine's after that was set back.

    Attributes:
        id: The message id; larger than every earlier one.
        published_at: When clients are told that it was published, in seconds since the epoch.
        attributes: What filters are applied to.
        ordering_key: Empty if the message has none.
        wire: The serialized `PubsubMessage` that subscribers receive, with id and publish time.
        holders: How many subscriptions, snapshots and topics hold it. The journal deletes the
            message when none does.
        arrived_at: When it was published, in seconds of the broker's clock; by default the same.
    """

    id: int
    published_at: float
    attributes: Mapping[str, str]
    ordering_key: str
    wire: bytes = field(repr=False)
    holders: int = 0
    arrived_at: float = 0.0

    def __post_init__(self) -> None:
        self.arrived_at = self.arrived_at or self.published_at


@dataclass(slots=True, eq=False)
class Delivery:
    """The state of one message in one subscription.

    Attributes:
        message: What is delivered.
        attempts: Deliveries so far, including the current one while it is leased.
        deadline: When the lease ends, in seconds of the broker's clock.
        lease: Number of the lease; every delivery attempt gets a new one.
        on_end: Called with the size in bytes of the message when the lease ends.
        settled: Acknowledged before its predecessors of the same ordering key.
        guaranteed: Brought back from a snapshot, whose messages are retained however old they are.
        problem: Why the last push of it failed; empty if none has.
    """

    message: Message
    attempts: int = 0
    deadline: float = 0.0
    lease: int = 0
    on_end: Callable[[int], None] | None = None
    settled: bool = False
    guaranteed: bool = False
    problem: str = ""

    def expired(self, oldest: float) -> bool:
        """Return whether the message arrived before a time, and may be dropped for it."""
        return self.message.arrived_at < oldest and not self.guaranteed


class Retained(deque[Message]):
    """The messages that a topic or a subscription retains for seek, oldest first."""

    def drain(self, arrived_before: float = float("inf")) -> Iterator[Message]:
        """Remove and yield the messages that arrived before a time, in seconds since the epoch."""
        while self and self[0].arrived_at < arrived_before:
            yield self.popleft()
