"""Leases: which receiver holds which message, and until when.

https://docs.cloud.google.com/pubsub/docs/lease-management
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from emulator.pubsub.rules.delivery import Delivery, Holder


class Leases:
    """The leases of one subscription, by number."""

    def __init__(self, first: int, due: Callable[[float], None]) -> None:
        """Start with none.

        Args:
            first: Leases are numbered from here.
            due: Called with the time at which the next lease ends, in seconds since the epoch.
        """
        self._next = first
        self._due = due
        self._held: dict[int, Delivery] = {}
        # One entry for each batch of leases, not for each lease: most are over before it is due.
        self._deadlines: list[tuple[float, int, Sequence[int]]] = []
        self._tie_break = count()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(list(self._held.values()))

    def get(self, lease: int) -> Delivery | None:
        """Return the delivery with this lease, or None if the lease is over."""
        return self._held.get(lease)

    def grant(self, taken: Sequence[Delivery], deadline: float, holder: Holder | None) -> None:
        """Lease deliveries until a deadline, to a holder if there is one."""
        if not taken:
            return
        first = self._next
        self._next += len(taken)
        for lease, delivery in enumerate(taken, first):
            delivery.lease = lease
            delivery.deadline = deadline
            delivery.holder = holder
            delivery.attempts += 1
            self._held[lease] = delivery
        self._watch(deadline, range(first, self._next))

    def extend(self, deliveries: Sequence[Delivery], deadline: float) -> None:
        """Move the deadline of leases."""
        for delivery in deliveries:
            delivery.deadline = deadline
        if deliveries:
            self._watch(deadline, [delivery.lease for delivery in deliveries])

    def end(self, lease: int) -> Delivery | None:
        """End a lease, notify its holder, and return its delivery; None if it was already over."""
        delivery = self._held.pop(lease, None)
        if delivery is not None and delivery.holder is not None:
            delivery.holder.release(len(delivery.message.wire))
        return delivery

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

    def clear(self) -> None:
        """Forget all leases without notifying their holders."""
        self._held.clear()

    def _watch(self, deadline: float, leases: Sequence[int]) -> None:
        heapq.heappush(self._deadlines, (deadline, next(self._tie_break), leases))
        if self._deadlines[0][0] == deadline:
            self._due(deadline)
