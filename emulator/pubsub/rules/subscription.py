"""The rules of one subscription: what may be delivered, to whom, and when again.

No clock, no socket, no file: every call is told the time, and what follows from it is told to
an `Observer`.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Protocol

from emulator.pubsub.rules.delivery import Delivery, Holder
from emulator.pubsub.rules.messages import Message
from emulator.pubsub.rules.ordering import KeyQueue
from emulator.pubsub.rules.policies import SubscriptionPolicy


class Observer(Protocol):
    """Who needs to know what happens in a subscription."""

    def ready(self, subscription: "Subscription") -> None:
        """Something can be leased that could not before."""

    def due(self, at: float) -> None:
        """A subscription wants `advance` called at this time, in seconds."""

    def failed(self, subscription: "Subscription", delivery: Delivery) -> None:
        """A delivery was refused or its lease ended; it will be tried again."""

    def exhausted(self, subscription: "Subscription", delivery: Delivery, now: float) -> bool:
        """A delivery failed as often as the dead letter policy allows.

        Returns:
            Whether it was forwarded. If not, it is tried again.
        """

    def finished(self, subscription: "Subscription", message: Message) -> None:
        """The subscription lets go of a message."""

    def acknowledged(self, subscription: "Subscription", message: Message) -> None:
        """A message was acknowledged, but is kept for seek."""

    def replayed(self, subscription: "Subscription", message: Message) -> None:
        """Seek took the acknowledgement of a message back."""


class Subscription:
    """The backlog, the leases and the retained messages of one subscription.

    Attributes:
        policy: Its settings. Replaced with `change`.
        topic_retention: Seconds that its topic retains messages for, and so keeps them available
            here too, however short the subscription's own retention is.
    """

    def __init__(
        self,
        name: str,
        number: int,
        policy: SubscriptionPolicy,
        observer: Observer,
        first_lease: int = 1,
    ) -> None:
        """Start empty.

        Args:
            name: Full name.
            number: Tells it apart from an earlier subscription of the same name.
            policy: Its settings; may change later, except for `ordered` and `matches`.
            observer: Is told what happens.
            first_lease: Leases are numbered from here. Must exceed the numbers of an earlier run
                of the broker, so that an acknowledgement from then names nothing of now.
        """
        self.name = name
        self.number = number
        self.policy = policy
        self.topic_retention = 0.0
        self._observer = observer
        self._next_lease = first_lease
        self._tie_break = count()
        self._ready: deque[Delivery | KeyQueue] = deque()
        self._delayed: list[tuple[float, int, Delivery | KeyQueue]] = []
        self._leased: dict[int, Delivery] = {}
        # One entry for each batch of leases, not for each lease: most are over before it is due.
        self._deadlines: list[tuple[float, int, Sequence[int]]] = []
        self._keys: dict[str, KeyQueue] = {}
        self._acked: deque[Message] = deque()

    def change(self, policy: SubscriptionPolicy) -> None:
        """Replace the settings, and let go of what they do not keep any more."""
        self.policy = policy
        if not policy.retain_acked:
            retained, self._acked = self._acked, deque()
            for message in retained:
                self._observer.finished(self, message)

    def offer(self, message: Message, attempts: int = 0) -> None:
        """Add a message that matches the filter to the backlog, without telling the observer.

        Args:
            message: Newer than every message offered before.
            attempts: Failed deliveries in an earlier run of the broker.
        """
        message.holders += 1
        self._enqueue(Delivery(message, attempts))

    def retain(self, message: Message) -> None:
        """Add a message that was acknowledged in an earlier run and is kept for seek."""
        message.holders += 1
        self._acked.append(message)

    def lease(
        self,
        now: float,
        limit: int,
        *,
        max_bytes: float = float("inf"),
        seconds: float | None = None,
        holder: Holder | None = None,
        one_per_key: bool = False,
    ) -> list[Delivery]:
        """Take deliveries that are then nobody else's until their deadline.

        Args:
            now: Seconds since the epoch, as everywhere here.
            limit: Most messages to take.
            max_bytes: Most bytes to take; one message is taken however large it is.
            seconds: How long the lease holds, if not the subscription's ack deadline.
            holder: Is told when each of them is no longer held.
            one_per_key: Take only one message of an ordering key.

        Returns:
            The deliveries, in the order they are to be delivered. Empty when there is none.
        """
        self.advance(now)
        oldest = self._oldest(now)
        ready = self._ready
        taken: list[Delivery] = []
        size = 0
        while ready and len(taken) < limit:
            entry = ready[0]
            queue = entry if isinstance(entry, KeyQueue) else None
            delivery = queue.waiting[0] if queue else entry
            assert isinstance(delivery, Delivery)  # noqa: S101 - tells the type checker
            expired = delivery.message.published_at < oldest
            if not expired:
                size += len(delivery.message.wire)
                if taken and size > max_bytes:
                    break
                taken.append(delivery)
            if queue is None:
                ready.popleft()
            else:
                queue.waiting.popleft()
                if not expired:
                    queue.outstanding.append(delivery)
                if not queue.waiting or (one_per_key and queue.outstanding):
                    ready.popleft()
            if expired:
                self._drop(delivery)
        # Keys with more than this receiver took are locked until what it took is settled.
        if ready and isinstance(ready[0], KeyQueue) and ready[0].outstanding:
            ready.popleft()
        self._grant(taken, now + (self.policy.ack_deadline if seconds is None else seconds), holder)
        return taken

    def acknowledge(self, leases: Iterable[int], now: float) -> list[int]:
        """Settle deliveries for good.

        Returns:
            The leases that are not held (any more): their messages may be delivered again.
        """
        self.advance(now)
        unknown = []
        for lease in leases:
            delivery = self._leased.pop(lease, None)
            if delivery is None:
                unknown.append(lease)
                continue
            if delivery.holder is not None:
                delivery.holder.release(len(delivery.message.wire))
            if not (delivery.message.ordering_key and self.policy.ordered):
                self._done(delivery)
                continue
            queue = self._keys[delivery.message.ordering_key]
            for over in queue.settle(delivery):
                self._done(over)
            self._unlock(queue, now)
        return unknown

    def modify(self, leases: Sequence[int], seconds: float, now: float) -> list[int]:
        """Let leases end so many seconds from now; with 0 they fail at once.

        Returns:
            The leases that are not held (any more).
        """
        self.advance(now)
        unknown = []
        for lease in leases:
            delivery = self._leased.get(lease)
            if delivery is None:
                unknown.append(lease)
            elif seconds <= 0:
                self._fail(delivery, now)
            else:
                delivery.deadline = now + seconds
        if seconds > 0 and leases:
            self._watch(now + seconds, leases)
        return unknown

    def advance(self, now: float) -> None:
        """Let the leases end that are due, and make ready what has waited long enough."""
        while self._deadlines and self._deadlines[0][0] <= now:
            for lease in heapq.heappop(self._deadlines)[2]:
                delivery = self._leased.get(lease)
                if delivery is not None and delivery.deadline <= now:
                    self._fail(delivery, now)
        if self._delayed and self._delayed[0][0] <= now:
            while self._delayed and self._delayed[0][0] <= now:
                self._ready.append(heapq.heappop(self._delayed)[2])
            self._observer.ready(self)

    def next_due(self) -> float:
        """Return when `advance` has something to do, in seconds; infinity for never."""
        heads = [heap[0][0] for heap in (self._deadlines, self._delayed) if heap]
        return min(heads, default=float("inf"))

    def unacknowledged(self) -> list[Message]:
        """Return the messages that are not acknowledged, in the order they were published."""
        queues = self._keys.values()
        messages = {d.message.id: d.message for d in self._loose()}
        messages |= {d.message.id: d.message for queue in queues for d in queue.waiting}
        messages |= {d.message.id: d.message for d in self._leased.values()}
        return [messages[message_id] for message_id in sorted(messages)]

    def seek(
        self, wanted: Callable[[Message], bool], now: float, replayable: Iterable[Message] = ()
    ) -> None:
        """Make some messages unacknowledged, and all others acknowledged.

        Args:
            wanted: Tells which messages are to be unacknowledged.
            now: Seconds since the epoch.
            replayable: Messages that others retain and the filter lets pass, whether this
                subscription knows them or not.
        """
        self.advance(now)
        for delivery in [d for d in self._leased.values() if not wanted(d.message)]:
            self.acknowledge([delivery.lease], now)
        pending = self._take_backlog()
        known = {d.message.id for d in pending} | {d.message.id for d in self._leased.values()}
        retained, self._acked = self._acked, deque()
        for queue in self._keys.values():
            retained += queue.recall(wanted)
        for message in retained:
            if not wanted(message):
                self._acked.append(message)
            else:
                known.add(message.id)
                pending.append(Delivery(message))
                self._observer.replayed(self, message)
        for message in replayable:
            if wanted(message) and message.id not in known:
                message.holders += 1
                pending.append(Delivery(message))
                self._observer.replayed(self, message)
        for delivery in sorted(pending, key=lambda delivery: delivery.message.id):
            if wanted(delivery.message):
                self._enqueue(delivery)
            else:
                self._done(delivery)
        self._observer.ready(self)

    def expire(self, now: float) -> None:
        """Let go of what is older than the retention, also when nobody asks for it."""
        oldest = self._oldest(now)
        expired = [entry for entry in self._loose() if entry.message.published_at < oldest]
        gone = {id(delivery) for delivery in expired}
        for queue in self._keys.values():
            while queue.waiting and queue.waiting[0].message.published_at < oldest:
                expired.append(queue.waiting.popleft())
            if not queue.waiting:
                gone.add(id(queue))
        if expired:
            self._ready = deque(entry for entry in self._ready if id(entry) not in gone)
            self._delayed = [entry for entry in self._delayed if id(entry[2]) not in gone]
            heapq.heapify(self._delayed)
        for delivery in expired:
            self._drop(delivery)
        self._expire_acknowledged(now)

    def close(self) -> None:
        """Let go of every message, because the subscription is deleted."""
        held = [d.message for d in self._take_backlog()]
        held += [d.message for queue in self._keys.values() for d in queue.outstanding]
        held += [d.message for d in self._leased.values() if not self._queue_of(d)]
        held += self._acked
        self._leased.clear()
        self._keys.clear()
        self._acked.clear()
        for message in held:
            self._observer.finished(self, message)

    def _enqueue(self, delivery: Delivery) -> None:
        key = delivery.message.ordering_key
        if not (key and self.policy.ordered):
            self._ready.append(delivery)
            return
        queue = self._keys.get(key)
        if queue is None:
            queue = self._keys[key] = KeyQueue(key)
        queue.waiting.append(delivery)
        if len(queue.waiting) == 1 and not queue.outstanding:
            self._ready.append(queue)

    def _grant(self, taken: list[Delivery], deadline: float, holder: Holder | None) -> None:
        if not taken:
            return
        first = self._next_lease
        self._next_lease += len(taken)
        for lease, delivery in enumerate(taken, first):
            delivery.lease = lease
            delivery.deadline = deadline
            delivery.holder = holder
            delivery.attempts += 1
            self._leased[lease] = delivery
        self._watch(deadline, range(first, self._next_lease))

    def _watch(self, deadline: float, leases: Sequence[int]) -> None:
        heapq.heappush(self._deadlines, (deadline, next(self._tie_break), leases))
        if self._deadlines[0][0] == deadline:
            self._observer.due(deadline)

    def _fail(self, delivery: Delivery, now: float) -> None:
        self._revoke(delivery)
        policy = self.policy
        queue = self._queue_of(delivery)
        dead = policy.dead_letter is not None and (
            delivery.attempts >= policy.dead_letter.max_delivery_attempts
        )
        if dead and self._observer.exhausted(self, delivery, now):
            for over in queue.settle(delivery) if queue else [delivery]:
                self._done(over)
        else:
            self._observer.failed(self, delivery)
            delay = policy.retry.delay(delivery.attempts) if policy.retry else 0.0
            if queue is None:
                self._postpone(delivery, now, now + delay)
                return
            for innocent in queue.rewind(delivery, now + delay):
                if innocent.lease in self._leased:
                    self._revoke(innocent)
        if queue is not None:
            self._unlock(queue, now)

    def _revoke(self, delivery: Delivery) -> None:
        del self._leased[delivery.lease]
        if delivery.holder is not None:
            delivery.holder.release(len(delivery.message.wire))

    def _postpone(self, entry: Delivery | KeyQueue, now: float, until: float) -> None:
        if until <= now:
            self._ready.append(entry)
            self._observer.ready(self)
            return
        heapq.heappush(self._delayed, (until, next(self._tie_break), entry))
        if self._delayed[0][0] == until:
            self._observer.due(until)

    def _unlock(self, queue: KeyQueue, now: float) -> None:
        """Make a key ready again once nothing of it is outstanding."""
        if queue.outstanding:
            return
        if queue.waiting:
            self._postpone(queue, now, queue.not_before)
        elif queue.key in self._keys:
            del self._keys[queue.key]

    def _done(self, delivery: Delivery) -> None:
        """Let go of an acknowledged message, unless it is kept for seek."""
        message = delivery.message
        if not self.policy.retain_acked:
            self._observer.finished(self, message)
            return
        self._acked.append(message)
        self._observer.acknowledged(self, message)
        self._expire_acknowledged(message.published_at)

    def _expire_acknowledged(self, now: float) -> None:
        oldest = now - self.policy.retention
        while self._acked and self._acked[0].published_at < oldest:
            self._observer.finished(self, self._acked.popleft())

    def _oldest(self, now: float) -> float:
        """Return when a message was published that is only just retained."""
        return now - max(self.policy.retention, self.topic_retention)

    def _loose(self) -> Iterator[Delivery]:
        """Yield what waits without belonging to an ordering key."""
        for entry in (*self._ready, *(entry for _, _, entry in self._delayed)):
            if isinstance(entry, Delivery):
                yield entry

    def _drop(self, delivery: Delivery) -> None:
        """Let go of a message that nobody acknowledged in time."""
        queue = self._queue_of(delivery)
        if queue is not None and not queue.waiting and not queue.outstanding:
            self._keys.pop(queue.key, None)
        self._observer.finished(self, delivery.message)

    def _queue_of(self, delivery: Delivery) -> KeyQueue | None:
        return self._keys.get(delivery.message.ordering_key) if self.policy.ordered else None

    def _take_backlog(self) -> list[Delivery]:
        """Remove all that is neither leased nor settled out of turn, and return it."""
        pending = list(self._loose())
        for queue in list(self._keys.values()):
            pending += queue.waiting
            queue.waiting.clear()
            if not queue.outstanding:
                del self._keys[queue.key]
        self._ready.clear()
        self._delayed.clear()
        return pending
