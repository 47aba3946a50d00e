"""Simulates an outage of the platform with the settings of the topology.

The broker, the functions and the sweep are the real ones; buckets are in memory, and the clock is
turned to whatever happens next.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.messages import Delivery
from emulator.pubsub.rules.policies import DeadLetterPolicy, RetryPolicy, SubscriptionPolicy
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription
from emulator.topology_file import read_topology
from quickthumb.bury import bury
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.limits import Limits
from quickthumb.messaging import Message
from quickthumb.problems import NotPublished, QuickThumbError, Unavailable
from quickthumb.resize import resize
from quickthumb.store import Store
from quickthumb.sweep import sweep_on
from quickthumb.sweeping.sweeper import Sweeper
from quickthumb.upload import File, accept
from tests.doubles import MemoryCloud, MemoryKitchen
from tests.pictures import picture
from tests.settings import settings_with

SETTINGS = settings_with(
    sweep_per_second=1_000_000,
)
THE_TOPOLOGY = read_topology()
ATTEMPTS = THE_TOPOLOGY.subscriptions["resize"].dead_letter.max_delivery_attempts
PICTURE = picture()
HOUR = timedelta(hours=1)
SWEPT_EVERY = timedelta(minutes=15)


@dataclass
class BrokerTopic:
    """A topic of the broker, as the functions see it."""

    town: "Town"
    name: str
    broken: bool = False

    def publish(self, data: bytes, **attributes: str) -> None:
        if self.broken:
            raise NotPublished(f"{self.name} does not answer")
        self.town.publish(self.name, data, attributes)


@dataclass
class Town(MemoryCloud):
    """The whole service and a broker, whose clock jumps from one event to the next.

    Attributes:
        refuses: the platform answers pushes and schedules itself: 429, 403, 503.
        deadly: whoever takes a job dies of it.
        deliveries: how often a job was delivered to `resize`.
        ends: what was told of ended jobs.
    """

    refuses: bool = False
    deadly: bool = False
    deliveries: int = 0
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.registry = Registry(self)
        self.uploads, self.completed = BrokerTopic(self, "uploads"), BrokerTopic(self, "completed")
        self.store = Store(self.originals, self.processed)
        self.next_sweep = self.time + SWEPT_EVERY
        for name in THE_TOPOLOGY.topics:
            self.registry.create_topic(name)
        self.subscriptions = {
            name: self.registry.create_subscription(
                f"projects/p/subscriptions/{name}", policy(given)
            )
            for name, given in THE_TOPOLOGY.subscriptions.items()
        }

    def ready(self, subscription: Subscription) -> None:
        """See `Doors`."""

    def due(self, at: float) -> None:
        """See `Doors`."""

    @property
    def now(self) -> float:
        return self.time.timestamp()

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        if topic == "completed":
            self.ends.append(attributes["state"])
        (number,) = self.registry.router.new_ids(1)
        draft = PubsubMessage(data=data, attributes=attributes)
        messages = wire.stamp([draft], [number], self.now)
        self.registry.router.publish(self.registry.topic(topic), messages)

    def upload(self) -> str:
        file = File("a.jpg", PICTURE)
        renditions = (Rendition.square(8),)
        return accept(new_id(self.now), file, renditions, self.store, self.uploads, Limits()).id

    def run(self, until: Any) -> None:
        """Let everything happen that happens until then."""
        while True:
            self.deliver()
            due = min(s.next_due() for s in self.subscriptions.values())
            at = min(due, self.next_sweep.timestamp())
            if at > until.timestamp():
                self.time = until
                return
            self.time += timedelta(seconds=max(0.0, at - self.now))
            if self.time >= self.next_sweep:
                self.next_sweep += SWEPT_EVERY
                self.sweep()

    def deliver(self) -> None:
        self.registry.advance(self.now)
        for name, subscription in self.subscriptions.items():
            while deliveries := subscription.lease(self.now, 100):
                for delivery in deliveries:
                    self.push(name, subscription, delivery)

    def push(self, name: str, subscription: Subscription, delivery: Delivery) -> None:
        self.deliveries += name == "resize"
        if self.deadly and name == "resize" and not self.refuses:
            return  # nobody answers until the deadline
        if not self.refuses and self.takes(name, delivery):
            subscription.acknowledge([delivery.lease], self.now)
        else:
            subscription.modify([delivery.lease], 0, self.now)

    def takes(self, name: str, delivery: Delivery) -> bool:
        kept = delivery.message
        message = Message(
            wire.parse(kept.wire).data, kept.attributes, str(kept.id), delivery.attempts
        )
        try:
            if name == "resize":
                resize(message, self.store, self.completed, SETTINGS, MemoryKitchen())
            else:
                bury(message, self.store, self.completed)
        except QuickThumbError:
            return False
        return True

    def sweep(self) -> None:
        if self.refuses:
            return
        with suppress(Unavailable):  # the next one goes on
            sweeper = Sweeper(
                self.store,
                self.uploads,
                self.completed,
                SETTINGS.policy,
                SETTINGS.menu.standard,
                now=lambda: self.time,
            )
            sweep_on(sweeper, 60, 30)

    def state(self, id: str) -> str:
        return self.store.results.manifest(id).state


def policy(given: Any) -> SubscriptionPolicy:
    return SubscriptionPolicy(
        given.topic,
        given.ack_deadline_seconds,
        retry=RetryPolicy(given.minimum_backoff_seconds, given.maximum_backoff_seconds),
        dead_letter=given.dead_letter
        and DeadLetterPolicy(given.dead_letter.topic, given.dead_letter.max_delivery_attempts),
    )


def _set(*places: str) -> Callable[[Town, bool], None]:
    def change(town: Town, refuses: bool) -> None:
        for place in places:
            if place == "platform":
                town.refuses = refuses
            else:
                getattr(town, place).broken = refuses

    return change


OUTAGES = {
    "the platform": _set("platform"),
    "the bucket of originals": _set("originals"),
    "the bucket of results": _set("processed"),
    "storage": _set("originals", "processed"),
    "the topic of events": _set("completed"),
    "Pub/Sub": _set("uploads", "completed"),
    "everything": _set("platform", "originals", "processed", "uploads", "completed"),
}


@pytest.mark.parametrize("outage", OUTAGES)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3_600), min_size=1, max_size=5), st.integers(1, 3_600))
def test_an_hour_of_refusals_fails_no_picture_that_was_accepted(outage, arrivals, begins):
    town = Town()
    start = town.time
    ids = []
    events = [(start + timedelta(seconds=begins), None, True)]
    events.append((events[0][0] + HOUR, None, False))
    events += [(start + timedelta(seconds=at), "upload", None) for at in arrivals]
    for at, upload, refuses in sorted(events, key=lambda event: event[0]):
        town.run(at)
        if not upload:
            OUTAGES[outage](town, refuses)
            continue
        with suppress(Unavailable):  # 503: it was not accepted
            ids.append(town.upload())
    town.run(town.time + HOUR)
    assert [town.state(id) for id in ids] == ["done"] * len(ids)
    assert set(town.ends) <= {"done"}


def test_what_half_a_day_of_refusals_has_failed_is_done_in_the_end():
    town = Town()
    id = town.upload()
    town.refuses = True
    town.run(town.time + 12 * HOUR)
    town.refuses = False
    town.run(town.time + timedelta(minutes=20))  # bury is told what the broker has given up
    assert town.state(id) == "failed"
    town.run(town.time + 2 * HOUR)
    assert town.state(id) == "done"
    assert town.ends == ["failed", "done"]
    assert not town.store.ledger.attempts(id)


def test_a_picture_that_kills_the_function_ends_soon_and_is_not_tried_for_ever(caplog):
    town = Town(deadly=True)
    id = town.upload()
    town.run(town.time + 3 * HOUR)
    assert town.state(id) == "failed"
    town.run(town.time + timedelta(days=10))
    rounds = 1 + SETTINGS.sweep_attempts
    assert town.deliveries == rounds * ATTEMPTS
    assert town.state(id) == "failed"
    assert f"gave up {id} for good" in caplog.text
    town.run(town.time + timedelta(days=30))
    assert town.deliveries == rounds * ATTEMPTS


def test_the_message_of_such_a_picture_says_so_at_once():
    town = Town(deadly=True)
    id = town.upload()
    town.run(town.time + 3 * HOUR)
    failure = town.store.results.manifest(id).failure
    assert failure.code == "gave-up"
    assert f"in {ATTEMPTS} attempts" in failure.detail
