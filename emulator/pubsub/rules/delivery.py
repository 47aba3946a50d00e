"""One message on its way to one subscription, and whoever holds its lease."""

from typing import Protocol

from emulator.pubsub.rules.messages import Message


class Holder(Protocol):
    """A receiver that limits how much it holds at once, such as a streaming pull."""

    def release(self, size: int) -> None:
        """Note that a message of this many bytes is no longer held."""


class Delivery:
    """The state of one message in one subscription.

    Attributes:
        message: What is delivered.
        attempts: Deliveries so far, this one included once it is leased.
        deadline: When the lease ends, in seconds of the broker's clock.
        lease: Number of the lease; it names this very delivery, never an earlier one.
        holder: Who has the lease, if it limits itself.
        settled: Acknowledged before its predecessors of the same ordering key.
    """

    __slots__ = ("attempts", "deadline", "holder", "lease", "message", "settled")

    def __init__(self, message: Message, attempts: int = 0) -> None:
        self.message = message
        self.attempts = attempts
        self.deadline = 0.0
        self.lease = 0
        self.holder: Holder | None = None
        self.settled = False

    def __repr__(self) -> str:
        return f"Delivery({self.message!r}, attempts={self.attempts})"
