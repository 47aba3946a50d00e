"""Seeks, snapshots and restarts, in whatever order: what is unacknowledged, and only that, comes.

The model knows of one subscription which messages are unacknowledged, acknowledged but retained,
and leased. The broker under test has a real journal; a restart opens a copy of its folder, which is
what a process that is killed leaves behind.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from emulator.pubsub import protos
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.journal.restore import restore
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.replay import seek, seek_snapshot

TOPIC = "projects/p/topics/things"
SUBSCRIPTION = "projects/p/subscriptions/all"
START = 1_700_000_000.0
ACK_DEADLINE = 10.0
DESCRIPTIONS = {
    "plain": {},
    "retaining": {"retain_acked_messages": True},
    "once": {"enable_exactly_once_delivery": True, "retain_acked_messages": True},
    "ordered": {"enable_message_ordering": True, "enable_exactly_once_delivery": True},
}


@dataclass
class Expected:
    """What the model knows; messages are ids."""

    unacknowledged: set[int] = field(default_factory=set)
    retained: set[int] = field(default_factory=set)
    leased: dict[int, tuple[int, float]] = field(default_factory=dict)  # lease: message, deadline
    ended: set[int] = field(default_factory=set)


class Replays(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from([*DESCRIPTIONS]))
    def start(self, kind) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="replay-"))
        self.folder = self.root / "0"
        self.now = START
        self.restarts = 0
        self.published: dict[int, tuple[float, str]] = {}  # message: time, ordering key
        self.snapshots: dict[str, set[int]] = {}
        self.names = 0
        self.description = DESCRIPTIONS[kind]
        self.expected = Expected()
        self._open()
        self.catalogue.create_topic(protos.Topic(name=TOPIC))
        self.catalogue.create_subscription(
            protos.Subscription(name=SUBSCRIPTION, topic=TOPIC, **self.description)
        )

    @rule(key=st.sampled_from(["", "a"]))
    def publish(self, key) -> None:
        draft = protos.PubsubMessage(data=b"x", ordering_key=key)
        router = self.registry.router
        (message,) = wire.stamp([draft], router.new_ids(1), self.now)
        router.publish(self.registry.topic(TOPIC), [message])
        self.published[message.id] = (message.published_at, key)
        self.expected.unacknowledged.add(message.id)
        for messages in self.snapshots.values():
            messages.add(message.id)

    @rule(limit=st.integers(1, 3))
    def lease(self, limit) -> None:
        self._expire()
        expected = self.expected
        held = {message for message, _ in expected.leased.values()}
        for delivery in self._subscription().lease(self.now, limit):
            message = delivery.message.id
            assert message in expected.unacknowledged, "delivered what was acknowledged"
            assert message not in held, "delivered to two at once"
            assert delivery.lease not in expected.leased
            expected.leased[delivery.lease] = (message, self.now + ACK_DEADLINE)

    @precondition(lambda self: self.expected.leased)
    @rule(data=st.data())
    def acknowledge(self, data) -> None:
        self._expire()
        expected, subscription = self.expected, self._subscription()
        if not expected.leased:
            return
        lease = data.draw(st.sampled_from(sorted(expected.leased)))
        message, _ = expected.leased[lease]
        if subscription.out_of_turn([lease], self.now):
            key = self.published[message][1]
            assert self._ordered(), "nothing else is in order"
            assert any(
                other < message and self.published[other][1] == key
                for other, _ in expected.leased.values()
            ), "its predecessors are acknowledged"
            return
        assert subscription.acknowledge([lease], self.now) == []
        del expected.leased[lease]
        expected.ended.add(lease)
        expected.unacknowledged.discard(message)
        if "retain_acked_messages" in self.description:
            expected.retained.add(message)

    @precondition(lambda self: self.expected.ended)
    @rule(data=st.data())
    def use_a_lease_that_has_ended(self, data) -> None:
        self._expire()
        lease = data.draw(st.sampled_from(sorted(self.expected.ended)))
        assert self._subscription().acknowledge([lease], self.now) == [lease]
        assert self._subscription().modify([lease], 0, self.now) == [lease]

    @rule(ago=st.sampled_from([0.0, 1.0, 5.0, 60.0]))
    def seek_to_a_time(self, ago) -> None:
        self._expire()
        expected, time = self.expected, self.now - ago
        seek(self.registry, SUBSCRIPTION, time, self.now)
        known = expected.unacknowledged | expected.retained
        self._sought({m for m in known if self.published[m][0] >= time})

    @rule()
    def take_a_snapshot(self) -> None:
        self._expire()
        self.names += 1
        path = f"projects/p/snapshots/snapshot-{self.names}"
        self.catalogue.create_snapshot(path, SUBSCRIPTION, {}, self.now)
        self.snapshots[path] = set(self.expected.unacknowledged)

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def seek_to_a_snapshot(self, data) -> None:
        self._expire()
        path = data.draw(st.sampled_from(sorted(self.snapshots)))
        seek_snapshot(self.registry, SUBSCRIPTION, path, self.now)
        self._sought(set(self.snapshots[path]))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def delete_a_snapshot(self, data) -> None:
        path = data.draw(st.sampled_from(sorted(self.snapshots)))
        self.catalogue.delete_snapshot(path)
        del self.snapshots[path]

    @rule(seconds=st.sampled_from([0.5, 2.0, 11.0]))
    def wait(self, seconds) -> None:
        self.now += seconds

    @rule(killed=st.booleans())
    def restart(self, killed) -> None:
        self.journal.committed().result(20)
        self.restarts += 1
        earlier, self.folder = self.folder, self.root / str(self.restarts)
        if not killed:
            self.journal.close()
        shutil.copytree(earlier, self.folder)
        if killed:
            self.journal.close()
        shutil.rmtree(earlier)
        self._open()
        self.expected.leased.clear()
        # Ack ids of another run have another prefix: `test_wire` has that.
        self.expected.ended.clear()

    def teardown(self) -> None:
        if not hasattr(self, "journal"):
            return
        try:
            assert self._receive_everything() == self.expected.unacknowledged
        finally:
            self.journal.close()
            shutil.rmtree(self.root)

    def ready(self, _subscription) -> None:
        """Nobody waits."""

    def due(self, _at) -> None:
        """Leases are expired when something is asked for."""

    def _open(self) -> None:
        self.journal = Journal(self.folder)
        self.registry = Registry(
            self, self.journal, first_id=self.journal.earlier.last_number() + 1
        )
        self.catalogue = Catalogue(self.registry)
        restore(self.journal, self.registry)
        self.journal.start()

    def _ordered(self) -> bool:
        return "enable_message_ordering" in self.description

    def _subscription(self):
        return self.registry.subscription(SUBSCRIPTION)

    def _expire(self) -> None:
        self._subscription().advance(self.now)
        expected = self.expected
        for lease, (_, deadline) in list(expected.leased.items()):
            if deadline <= self.now:
                self._end(lease)
                if self._ordered():
                    self._end_behind()

    def _end_behind(self) -> None:
        """End the leases that the broker has ended because one before them of the key failed."""
        leased = self.expected.leased
        for lease, (message, _) in list(leased.items()):
            if self._subscription().modify([lease], ACK_DEADLINE, self.now):
                self._end(lease)
            else:
                leased[lease] = (message, self.now + ACK_DEADLINE)

    def _end(self, lease) -> None:
        self.expected.leased.pop(lease, None)
        self.expected.ended.add(lease)

    def _sought(self, unacknowledged) -> None:
        expected = self.expected
        for lease in list(expected.leased):
            self._end(lease)
        if "retain_acked_messages" in self.description:
            expected.retained |= expected.unacknowledged
            expected.retained -= unacknowledged
        expected.unacknowledged = unacknowledged

    def _receive_everything(self) -> set[int]:
        received: set[int] = set()
        for _ in range(len(self.published) + 2):
            self.now += ACK_DEADLINE + 1
            deliveries = self._subscription().lease(self.now, 1_000)
            self._subscription().acknowledge([d.lease for d in deliveries], self.now)
            received |= {d.message.id for d in deliveries}
        return received


TestReplays = Replays.TestCase
TestReplays.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
