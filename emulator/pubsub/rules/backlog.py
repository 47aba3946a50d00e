"""The messages that one subscription still has to deliver, in order.

Messages of an ordering key wait in a queue of their own, which is a single entry of the backlog.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from emulator.pubsub.rules.messages import Delivery, Message
from emulator.pubsub.rules.ordering import KeyQueue


class Backlog:
    """Deliveries that are ready, or wait for a retry or for others of their ordering key."""

    def __init__(
        self, *, ordered: bool, ready: Callable[[], None], due: Callable[[float], None]
    ) -> None:
        """Start empty.

        Args:
            ordered: Whether messages of an ordering key are delivered in order.
            ready: Called when deliveries become ready.
            due: Called with the time of the next retry, in seconds since the epoch.
        """
        self._ordered = ordered
        self._tell_ready = ready
        self._tell_due = due
        self._ready: deque[Delivery | KeyQueue] = deque()
        self._delayed: list[tuple[float, int, Delivery | KeyQueue]] = []
        self._tie_break = count()
        self._keys: dict[str, KeyQueue] = {}

    def __iter__(self) -> Iterator[Delivery]:
        """Yield all waiting deliveries, in no particular order."""
        yield from self._loose()
        for queue in self._keys.values():
            yield from queue.waiting

    def waiting(self) -> list[tuple[Delivery, float]]:
        """Return the waiting deliveries, and when each may be made: a retry is not due before."""
        never = float("-inf")
        entries = [*((never, entry) for entry in self._ready)]
        entries += [(until, entry) for until, _, entry in sorted(self._delayed)]
        found = [(entry, until) for until, entry in entries if isinstance(entry, Delivery)]
        for queue in self._keys.values():
            found += [(delivery, queue.not_before) for delivery in queue.waiting]
        return found

    def put(self, delivery: Delivery) -> None:
        """Add a delivery behind all others, without calling `ready`."""
        key = delivery.message.ordering_key
        if not (key and self._ordered):
            self._ready.append(delivery)
            return
        queue = self._keys.get(key)
        if queue is None:
            queue = self._keys[key] = KeyQueue(key)
        queue.waiting.append(delivery)
        if len(queue.waiting) == 1 and not queue.outstanding:
            self._ready.append(queue)

    def take(
        self, limit: int, max_bytes: float, oldest: float, *, one_per_key: bool
    ) -> tuple[list[Delivery], list[Delivery]]:
        """Remove the next deliveries; those with an ordering key become outstanding.

        Args:
            limit: Most messages to take.
            max_bytes: Most bytes to take; one message is taken however large it is.
            oldest: Messages published before this time are dropped.
            one_per_key: Take only one message of an ordering key.

        Returns:
            The deliveries in order, and those that were dropped.
        """
        ready = self._ready
        taken: list[Delivery] = []
        dropped: list[Delivery] = []
        size = 0
        while ready and len(taken) < limit:
            entry = ready[0]
            queue = entry if isinstance(entry, KeyQueue) else None
            delivery = queue.waiting[0] if queue else entry
            assert isinstance(delivery, Delivery)  # noqa: S101 - tells the type checker
            expired = delivery.expired(oldest)
            if not expired:
                size += len(delivery.message.wire)
                if taken and size > max_bytes:
                    break
            (dropped if expired else taken).append(delivery)
            if queue is None:
                ready.popleft()
                continue
            queue.waiting.popleft()
            if not expired:
                queue.outstanding.append(delivery)
            if not queue.waiting or (one_per_key and queue.outstanding):
                ready.popleft()
                self._drop_if_empty(queue)
        # A key with messages left stays locked until those taken are settled.
        if ready and isinstance(ready[0], KeyQueue) and ready[0].outstanding:
            ready.popleft()
        return taken, dropped

    def settle(self, deliveries: Iterable[Delivery], now: float) -> list[Message]:
        """Settle deliveries that were taken; return the messages that are finished, in order."""
        if not self._ordered:
            return [delivery.message for delivery in deliveries]
        finished: list[Message] = []
        for delivery in deliveries:
            queue = self._keys.get(delivery.message.ordering_key)
            if queue is None:
                finished.append(delivery.message)
            else:
                finished += queue.settle(delivery)
                self._unlock(queue, now)
        return finished

    def remove(self, delivery: Delivery, now: float) -> list[Message]:
        """Remove a delivery that was taken and must not come again, whatever fails before it.

        Returns:
            The messages that are finished, in order.
        """
        queue = self._keys.get(delivery.message.ordering_key) if self._ordered else None
        if queue is None:
            return [delivery.message]
        finished = queue.remove(delivery)
        self._unlock(queue, now)
        return finished

    def out_of_turn(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return those of some taken deliveries that have an unsettled one before them."""
        by_key: dict[str, set[Delivery]] = {}
        for delivery in deliveries:
            by_key.setdefault(delivery.message.ordering_key, set()).add(delivery)
        return [
            delivery
            for key, together in by_key.items()
            if key in self._keys
            for delivery in self._keys[key].out_of_turn(together)
        ]

    def retry(self, failed: Delivery, now: float, not_before: float) -> list[Delivery]:
        """Put back a failed delivery and those behind it of the same key; return the latter."""
        queue = self._keys.get(failed.message.ordering_key) if self._ordered else None
        if queue is None:
            self._postpone(failed, now, not_before)
            return []
        behind = queue.rewind(failed, not_before)
        self._unlock(queue, now)
        return behind

    def advance(self, now: float) -> None:
        """Make deliveries ready whose retry is due."""
        if not self._delayed or self._delayed[0][0] > now:
            return
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        self._tell_ready()

    def next_due(self) -> float:
        """Return when `advance` has something to do; infinity for never."""
        return self._delayed[0][0] if self._delayed else float("inf")

    def clear(self) -> list[Delivery]:
        """Remove and return all deliveries: those that wait, and the outstanding ones of keys."""
        outstanding = [d for queue in self._keys.values() for d in queue.outstanding]
        deliveries = [*self, *outstanding]
        self._keys.clear()
        self._ready.clear()
        self._delayed.clear()
        return deliveries

    def expire(self, oldest: float) -> list[Delivery]:
        """Remove and return the deliveries published before a time."""
        expired = [entry for entry in self._loose() if entry.expired(oldest)]
        gone = {id(delivery) for delivery in expired}
        for queue in list(self._keys.values()):
            while queue.waiting and queue.waiting[0].expired(oldest):
                expired.append(queue.waiting.popleft())
            if not queue.waiting:
                gone.add(id(queue))
                self._drop_if_empty(queue)
        if expired:
            self._ready = deque(entry for entry in self._ready if id(entry) not in gone)
            self._delayed = [entry for entry in self._delayed if id(entry[2]) not in gone]
            heapq.heapify(self._delayed)
        return expired

    def _loose(self) -> Iterator[Delivery]:
        """Yield the waiting deliveries without an ordering key."""
        for entry in (*self._ready, *(entry for _, _, entry in self._delayed)):
            if isinstance(entry, Delivery):
                yield entry

    def _postpone(self, entry: Delivery | KeyQueue, now: float, until: float) -> None:
        if until <= now:
            self._ready.append(entry)
            self._tell_ready()
            return
        heapq.heappush(self._delayed, (until, next(self._tie_break), entry))
        if self._delayed[0][0] == until:
            self._tell_due(until)

    def _unlock(self, queue: KeyQueue, now: float) -> None:
        """Make a key ready again if none of its messages is outstanding."""
        if queue.waiting and not queue.outstanding:
            self._postpone(queue, now, queue.not_before)
        self._drop_if_empty(queue)

    def _drop_if_empty(self, queue: KeyQueue) -> None:
        if not queue.waiting and not queue.outstanding:
            self._keys.pop(queue.key, None)
