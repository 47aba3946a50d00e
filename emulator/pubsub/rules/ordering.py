"""Messages of one ordering key: delivered in order, to one receiver at a time.

https://docs.cloud.google.com/pubsub/docs/ordering
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile

from emulator.pubsub.rules.messages import Delivery, Message


@dataclass(slots=True, eq=False)
class KeyQueue:
    """The undelivered and outstanding messages of one ordering key in one subscription.

    While any of them is outstanding, no more are leased, so two receivers never work on the same
    key. When a delivery fails, everything delivered after it is redelivered behind it, even what
    has been acknowledged.
    """

    key: str
    waiting: deque[Delivery] = field(default_factory=deque)
    outstanding: deque[Delivery] = field(default_factory=deque)
    not_before: float = float("-inf")

    def settle(self, delivery: Delivery) -> list[Message]:
        """Mark an outstanding delivery as settled.

        Returns:
            The messages that are finished now, in order: those at the head of the queue that have
            been settled.
        """
        delivery.settled = True
        return self._finished()

    def remove(self, delivery: Delivery) -> list[Message]:
        """Remove an outstanding delivery, so that no failure before it brings it back.

        Returns:
            Its message, and those behind it that are finished now.
        """
        self.outstanding.remove(delivery)
        return [delivery.message, *self._finished()]

    def out_of_turn(self, together: set[Delivery]) -> list[Delivery]:
        """Return those of some outstanding deliveries that have another, unsettled, before them."""
        before = takewhile(lambda d: d.settled or d in together, self.outstanding)
        return list(together.difference(before))

    def _finished(self) -> list[Message]:
        finished = []
        while self.outstanding and self.outstanding[0].settled:
            finished.append(self.outstanding.popleft().message)
        return finished

    def rewind(self, failed: Delivery, not_before: float) -> list[Delivery]:
        """Put a failed delivery, and all that were delivered after it, back in the queue.

        Args:
            failed: An outstanding delivery.
            not_before: When the key may be delivered again, in seconds of the broker's clock.

        Returns:
            The deliveries behind the failed one, which did not fail themselves.
        """
        self.not_before = max(self.not_before, not_before)
        behind: list[Delivery] = []
        while (last := self.outstanding.pop()) is not failed:
            behind.append(last)
            self.waiting.appendleft(last)
        # They were settled or leased; now they are neither, and that attempt does not count.
        for delivery in behind:
            delivery.settled = False
            delivery.attempts -= 1
        self.waiting.appendleft(failed)
        return behind
