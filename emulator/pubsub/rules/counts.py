"""What has happened to the messages of a subscription, in numbers."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Counts since the broker started; they never decrease.

    Attributes:
        delivered: Messages leased to a client or pushed, every attempt.
        acknowledged: Leases that ended with an acknowledgement.
        failed: Deliveries that failed, and after which the message waits for the next.
        dead_lettered: Messages forwarded to the dead letter topic.
        push_answers: Push requests by what came of them.
    """

    delivered: int = 0
    acknowledged: int = 0
    failed: int = 0
    dead_lettered: int = 0
    push_answers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Stock:
    """The messages of a subscription that are not acknowledged.

    Attributes:
        messages: How many, including those in flight.
        in_flight: How many of them are leased.
        oldest: Publish time of the oldest, in seconds since the epoch; None if there is none.
    """

    messages: int
    in_flight: int
    oldest: float | None
