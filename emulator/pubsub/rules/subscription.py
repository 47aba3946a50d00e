"""The rules of one subscription: lease, acknowledge, retry, seek."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from emulator.pubsub.rules.backlog import Backlog
from emulator.pubsub.rules.counts import Counts, Stock
from emulator.pubsub.rules.leases import Leases
from emulator.pubsub.rules.ledger import Kind
from emulator.pubsub.rules.messages import Delivery, Message, Retained
from emulator.pubsub.rules.policies import SubscriptionPolicy

if TYPE_CHECKING:
    from emulator.pubsub.rules.router import Router


class Subscription:
    """The backlog, the leases and the retained messages of one subscription.

    Attributes:
        name: Full name.
        number: Unique among all subscriptions and snapshots.
        ack_prefix: What its ack ids begin with.
        policy: Its settings. Replaced with `change`.
        description: The `Subscription` that clients read.
        topic_retention: Seconds that its topic retains messages for. The backlog is kept for
            this long too if the subscription's own retention is shorter.
        counts: What has happened to its messages in this run of the broker.
        access: Its `google.iam.v1.Policy`, serialized; empty if nobody has set one.
    """

    kind: Kind = "subscriptions"

    def __init__(
        self,
        name: str,
        number: int,
        policy: SubscriptionPolicy,
        router: "Router",
        run: str = "",
    ) -> None:
        """Start empty.

        Args:
            name: Full name.
            number: Unique, also among earlier subscriptions of the same name.
            policy: May change later, except for `ordered` and `matches`.
            router: Notified of what happens.
            run: Part of the ack ids, so that those of earlier runs of the broker are not mistaken
                for current ones.
        """
        self.name = name
        self.number = number
        self.ack_prefix = f"{run}-{number:x}-"
        self.policy = policy
        self.topic_retention = 0.0
        self.description: Any = None
        self.counts = Counts()
        self.access = b""
        self._router = router
        self._ledger = router.ledger
        self._leases = Leases(router.due)
        self._backlog = Backlog(
            ordered=policy.ordered, ready=lambda: router.ready(self), due=router.due
        )
        self._acked = Retained()

    def change(self, policy: SubscriptionPolicy) -> None:
        """Replace the settings, and release messages that they no longer retain."""
        self.policy = policy
        if not policy.retain_acked:
            self._release(self._acked.drain())

    def offer(self, message: Message, attempts: int = 0, *, guaranteed: bool = False) -> None:
        """Add a message that matches the filter to the backlog, without notifying the router.

        Args:
            message: Newer than every message offered before.
            attempts: Failed deliveries in an earlier run of the broker.
            guaranteed: Whether to retain it however old it is.
        """
        message.holders += 1
        self._backlog.put(Delivery(message, attempts, guaranteed=guaranteed))

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
        on_end: Callable[[int], None] | None = None,
        one_per_key: bool = False,
    ) -> list[Delivery]:
        """Lease deliveries exclusively until their deadline.

        Args:
            now: Seconds since the epoch.
            limit: Most messages to take.
            max_bytes: Most bytes to take; one message is taken however large it is.
            seconds: Duration of the lease; None for the subscription's ack deadline.
            on_end: Called with the size in bytes of each message when its lease ends.
            one_per_key: Take only one message of an ordering key.

        Returns:
            The deliveries in order; empty if none is ready.
        """
        self.advance(now)
        taken, dropped = self._backlog.take(
            limit, max_bytes, self._oldest(now), one_per_key=one_per_key
        )
        self._release(delivery.message for delivery in dropped)
        seconds = self.policy.ack_deadline if seconds is None else seconds
        self._leases.grant(taken, now + seconds, on_end)
        self.counts.delivered += len(taken)
        self._router.watch.leased(self, taken)
        return taken

    def acknowledge(self, leases: Iterable[int], now: float) -> list[int]:
        """Acknowledge deliveries.

        Returns:
            The leases that have ended already: their messages may be delivered again.
        """
        self.advance(now)
        ended, unknown = self._leases.end(leases)
        self.counts.acknowledged += len(ended)
        self._router.watch.acknowledged(self, ended)
        self._done(self._backlog.settle(ended, now))
        return unknown

    def out_of_turn(self, leases: Iterable[int], now: float) -> set[int]:
        """Return the leases that must not be acknowledged before others of their ordering key.

        With exactly-once delivery, an acknowledgement is final. A message that fails is delivered
        again with all behind it, so those cannot be acknowledged first.

        Args:
            leases: To be acknowledged together.
            now: Seconds since the epoch.
        """
        if not (self.policy.exactly_once and self.policy.ordered):
            return set()
        self.advance(now)
        deliveries = [delivery for lease in leases if (delivery := self._leases.get(lease))]
        return {delivery.lease for delivery in self._backlog.out_of_turn(deliveries)}

    def modify(self, leases: Sequence[int], seconds: float, now: float) -> list[int]:
        """Set the deadline of leases to this many seconds from now; with 0 they fail immediately.

        Returns:
            The leases that have ended already.
        """
        self.advance(now)
        unknown = []
        extended = []
        for lease in dict.fromkeys(leases):
            delivery = self._leases.get(lease)
            if delivery is None:
                unknown.append(lease)
            elif seconds <= 0:
                self._fail(delivery, now)
            else:
                extended.append(delivery)
        self._leases.extend(extended, now + seconds)
        return unknown

    def advance(self, now: float) -> None:
        """Expire leases and end retry delays that are due."""
        for delivery in self._leases.expired(now):
            self._fail(delivery, now)
        self._backlog.advance(now)

    def next_due(self) -> float:
        """Return when `advance` has something to do, in seconds; infinity for never."""
        return min(self._leases.next_due(), self._backlog.next_due())

    def unacknowledged(self) -> list[Message]:
        """Return the messages that are not acknowledged, in the order they were published."""
        messages = {d.message.id: d.message for d in (*self._backlog, *self._leases)}
        return [messages[message_id] for message_id in sorted(messages)]

    def stock(self) -> Stock:
        """Return how many messages are not acknowledged; it looks at each of them."""
        published = [d.message.published_at for d in (*self._backlog, *self._leases)]
        return Stock(len(published), len(self._leases), min(published, default=None))

    def in_flight(self) -> list[Delivery]:
        """Return the deliveries that are leased."""
        return list(self._leases)

    def waiting(self) -> list[tuple[Delivery, float]]:
        """Return the deliveries that are not leased, with the time before which none is made.

        The time is in seconds since the epoch, and minus infinity if there is none.
        """
        return self._backlog.waiting()

    def held(self) -> list[Message]:
        """Return all messages: the unacknowledged, and those retained for seek."""
        return [*self.unacknowledged(), *self._acked]

    def seek(
        self,
        wanted: Callable[[Message], bool],
        now: float,
        replayable: Iterable[Message] = (),
        *,
        guaranteed: bool = False,
    ) -> None:
        """Make some messages unacknowledged, and all others acknowledged. All leases end.

        Args:
            wanted: Whether a message is to be unacknowledged.
            now: Seconds since the epoch.
            replayable: Messages that a topic or snapshot holds and the filter matches; some may
                be in this subscription already.
            guaranteed: Whether to retain the unacknowledged messages however old they are.
        """
        self.advance(now)
        held = self._withdraw()
        retained = {message.id: message for message in self._acked.drain()}
        replayed = [message for message in retained.values() if wanted(message)]
        self._acked.extend(message for message in retained.values() if not wanted(message))
        for message in replayable:
            if wanted(message) and message.id not in held and message.id not in retained:
                message.holders += 1
                replayed.append(message)
        # Those acknowledged before their predecessors count as acknowledged: they start anew.
        replayed += [d.message for d in held.values() if d.settled and wanted(d.message)]
        if replayed:
            self._ledger.owed(self.number, replayed)
        held |= {message.id: Delivery(message) for message in replayed}
        for _, delivery in sorted(held.items()):
            if wanted(delivery.message):
                delivery.guaranteed = guaranteed
                self._backlog.put(delivery)
            else:
                self._done([delivery.message])
        self._router.ready(self)

    def expire(self, now: float) -> None:
        """Release messages older than the retention."""
        expired = self._backlog.expire(self._oldest(now))
        self._release(delivery.message for delivery in expired)
        self._expire_acknowledged(now)

    def close(self) -> None:
        """Release every message, because the subscription is deleted or detached."""
        self._release(delivery.message for delivery in self._withdraw().values())
        self._release(self._acked.drain())

    def _withdraw(self) -> dict[int, Delivery]:
        """End all leases and empty the backlog; return what was in it, by message id."""
        leased, _ = self._leases.end([delivery.lease for delivery in self._leases])
        for delivery in leased:
            # It has neither failed nor succeeded, so that attempt does not count.
            delivery.attempts -= 1
        return {d.message.id: d for d in (*self._backlog.clear(), *leased)}

    def _fail(self, delivery: Delivery, now: float) -> None:
        self._leases.end([delivery.lease])
        policy = self.policy
        dead = policy.dead_letter is not None and (
            delivery.attempts >= policy.dead_letter.max_delivery_attempts
        )
        if dead and self._router.exhausted(self, delivery, now):
            self.counts.dead_lettered += 1
            self._done(self._backlog.remove(delivery, now))
            return
        self._ledger.attempted(self.number, delivery.message.id, delivery.attempts)
        delay = policy.retry.delay(delivery.attempts) if policy.retry else 0.0
        self.counts.failed += 1
        self._router.watch.failed(self, delivery, now + delay)
        behind = self._backlog.retry(delivery, now, now + delay)
        self._leases.end(other.lease for other in behind)

    def _done(self, messages: Iterable[Message]) -> None:
        """Release acknowledged messages, unless they are retained for seek."""
        if not self.policy.retain_acked:
            self._release(messages)
            return
        for message in messages:
            self._acked.append(message)
            self._ledger.acknowledged(self.number, message.id)
            self._expire_acknowledged(message.arrived_at)

    def _expire_acknowledged(self, now: float) -> None:
        self._release(self._acked.drain(now - self.policy.retention))

    def _release(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._router.finished(self, message)

    def _oldest(self, now: float) -> float:
        """Return the publish time of the oldest message that is still retained."""
        return now - max(self.policy.retention, self.topic_retention)
