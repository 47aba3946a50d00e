"""One message on its way to one subscription."""

from collections.abc import Callable
from dataclasses import dataclass

from emulator.pubsub.rules.messages import Message


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
    """

    message: Message
    attempts: int = 0
    deadline: float = 0.0
    lease: int = 0
    on_end: Callable[[int], None] | None = None
    settled: bool = False
