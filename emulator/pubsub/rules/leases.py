"""Leases: which receiver holds which message, and until when.

https://docs.cloud.google.com/pubsub/docs/lease-management
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count

from emulator.pubsub.rules.messages import Delivery


class Leases:
    """The leases of one subscription, by number."""

    def __init__(self, due: Callable[[float], None]) -> None:
        """Start with none.

        Args:
            due: Called with the time at which the next lease ends, in seconds since the epoch.
        """
        self._next = 1
        self._due = due
        self._held: dict[int, Delivery] = {}
        # One entry per batch, not per lease: most leases end before their deadline.
        self._deadlines: list[tuple[float, int, Sequence[int]]] = []
        self._tie_break = count()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def get(self, lease: int) -> Delivery | None:
        """Return the delivery with this lease, or None if the lease has ended."""
        return self._held.get(lease)

    def grant(
        self, taken: Sequence[Delivery], deadline: float, on_end: Callable[[int], None] | None
    ) -> None:
        """Lease deliveries until a deadline; call `on_end` with the size of each when it ends."""
        if not taken:
            return
        first = self._next
        self._next += len(taken)
        for lease, delivery in enumerate(taken, first):
            delivery.lease = lease
            delivery.deadline = deadline
            delivery.on_end = on_end
            delivery.attempts += 1
            self._held[lease] = delivery
        self._watch(deadline, range(first, self._next))

    def extend(self, deliveries: Sequence[Delivery], deadline: float) -> None:
        """Change the deadline of leases."""
        for delivery in deliveries:
            delivery.deadline = deadline
        if deliveries:
            self._watch(deadline, [delivery.lease for delivery in deliveries])

    def end(self, leases: Iterable[int]) -> tuple[list[Delivery], list[int]]:
        """End leases.

        Returns:
            The deliveries whose leases have ended now, and the leases that had ended before.
        """
        ended = []
        unknown = []
        for lease in dict.fromkeys(leases):
            delivery = self._held.pop(lease, None)
            if delivery is None:
                unknown.append(lease)
                continue
            if delivery.on_end is not None:
                delivery.on_end(len(delivery.message.wire))
            ended.append(delivery)
        return ended, unknown

    def expired(self, now: float) -> Iterator[Delivery]:
        """Yield, one by one, the deliveries whose deadline has passed."""
        while self._deadlines and self._deadlines[0][0] <= now:
            for lease in heapq.heappop(self._deadlines)[2]:
                delivery = self._held.get(lease)
                if delivery is not None and delivery.deadline <= now:
                    yield delivery

    def next_due(self) -> float:
        """Return a time before which `expired` yields nothing; infinity for never."""
        return self._deadlines[0][0] if self._deadlines else float("inf")

    def _watch(self, deadline: float, leases: Sequence[int]) -> None:
        heapq.heappush(self._deadlines, (deadline, next(self._tie_break), leases))
        if self._deadlines[0][0] == deadline:
            self._due(deadline)
