"""Messages of one ordering key: delivered in order, one receiver at a time.

https://docs.cloud.google.com/pubsub/docs/ordering
"""

from collections import deque
from collections.abc import Callable

from emulator.pubsub.rules.delivery import Delivery
from emulator.pubsub.rules.messages import Message


class KeyQueue:
    """What one subscription still owes for one ordering key.

    Nothing of the key is leased while something of it is outstanding, so that two receivers
    never work on one key. When a delivery fails, everything that was delivered after it is
    delivered again behind it, also what was acknowledged meanwhile.
    """

    __slots__ = ("key", "not_before", "outstanding", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.waiting: deque[Delivery] = deque()
        self.outstanding: deque[Delivery] = deque()
        self.not_before = float("-inf")

    def settle(self, delivery: Delivery) -> list[Delivery]:
        """Note that a delivery is done with.

        Returns:
            The deliveries that are over now: this one, if all before it are, and those behind
            it that were only waiting for it. In order.
        """
        delivery.settled = True
        over = []
        while self.outstanding and self.outstanding[0].settled:
            over.append(self.outstanding.popleft())
        return over

    def recall(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """Take out the messages that were acknowledged out of turn and are wanted again."""
        recalled: list[Message] = []
        kept: deque[Delivery] = deque()
        for delivery in self.outstanding:
            if delivery.settled and wanted(delivery.message):
                recalled.append(delivery.message)
            else:
                kept.append(delivery)
        self.outstanding = kept
        return recalled

    def rewind(self, failed: Delivery, not_before: float) -> list[Delivery]:
        """Put a failed delivery, and all that were delivered after it, back in line.

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
        behind.reverse()
        return behind
