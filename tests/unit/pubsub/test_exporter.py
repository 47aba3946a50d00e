"""The exporter with buckets that only exist in memory, and a clock that the test sets."""

import asyncio

import pytest

from emulator.pubsub import protos
from emulator.pubsub.doors.buckets import BucketMissing, StorageFailed
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.exporter import Exporter
from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.replay import seek

TOPIC = "projects/p/topics/things"
NAME = "projects/p/subscriptions/archived"
START = 1_700_000_000.0


class World:
    """A broker with a Cloud Storage subscription; its buckets are a list of what is stored."""

    def __init__(self):
        self.now = START
        self.stored = []
        self.problem = None
        self.attempts = 0
        self.doorbell = Doorbell(self.clock)
        self.registry = Registry(self.doorbell)
        self.exporter = Exporter(self.registry, self.doorbell, self.clock, self)
        self.doorbell.connect(on_ready=self.exporter.notice, on_due=self.registry.advance)
        self.catalogue = Catalogue(self.registry)
        self.catalogue.create_topic(protos.Topic(name=TOPIC))

    def clock(self):
        return self.now

    async def store(self, bucket, name, content_type, body):
        self.attempts += 1
        if self.problem is not None:
            raise self.problem
        self.stored.append((bucket, content_type, body))

    def export(self, config=None, **fields):
        config = {"bucket": "archive", **(config or {})}
        self.catalogue.create_subscription(
            protos.Subscription(name=NAME, topic=TOPIC, cloud_storage_config=config, **fields)
        )

    @property
    def subscription(self):
        return self.registry.subscription(NAME)

    @property
    def unacknowledged(self):
        return len(self.subscription.unacknowledged())

    def publish(self, *data, key=""):
        drafts = [PubsubMessage(data=each, ordering_key=key) for each in data]
        ids = self.registry.router.new_ids(len(drafts))
        messages = wire.stamp(drafts, ids, self.now)
        self.registry.router.publish(self.registry.topic(TOPIC), messages)

    async def pass_time(self, seconds):
        await self.settle()
        self.now += seconds
        self.doorbell.ready(self.subscription)
        await self.settle()

    async def settle(self):
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
def play():
    def play(story):
        async def run():
            world = World()
            await story(world)
            await world.exporter.close()

        asyncio.run(run())

    return play


def test_messages_wait_for_the_longest_duration_and_are_stored_together(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        await world.pass_time(299)
        world.publish(b"b")
        await world.settle()
        assert (world.stored, world.unacknowledged) == ([], 2)
        await world.pass_time(1)
        assert world.stored == [("archive", "text/plain", b"a\nb")]
        assert world.unacknowledged == 0

    play(story)


def test_a_full_file_is_stored_at_once_and_the_rest_waits(play):
    async def story(world):
        world.export({"max_bytes": 1_000})
        world.publish(b"a" * 600, b"b" * 600, b"c")
        await world.settle()
        assert [body for _, _, body in world.stored] == [b"a" * 600]
        assert world.unacknowledged == 2

    play(story)


def test_messages_of_a_key_are_in_order(play):
    async def story(world):
        world.export({"max_messages": 1_000}, enable_message_ordering=True)
        numbers = [b"%d" % number for number in range(1_000)]
        world.publish(*numbers, key="k")
        await world.settle()
        assert [body for _, _, body in world.stored] == [b"\n".join(numbers)]

    play(story)


def test_messages_whose_file_is_not_stored_are_stored_after_a_pause(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        world.problem = StorageFailed("no answer")
        await world.pass_time(300)
        assert (world.stored, world.unacknowledged, world.attempts) == ([], 1, 1)
        world.problem = None
        await world.pass_time(0.5)
        assert world.attempts == 1
        await world.pass_time(1)
        assert [body for _, _, body in world.stored] == [b"a"]
        assert world.unacknowledged == 0

    play(story)


def test_a_bucket_that_is_missing_shows_in_the_state_until_it_is_back(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        world.problem = BucketMissing("gone")
        await world.pass_time(300)
        described = world.catalogue.subscription(NAME)
        assert (described.state, described.cloud_storage_config.state) == (2, 3)
        world.problem = None
        await world.pass_time(2)
        assert (described.state, described.cloud_storage_config.state) == (1, 1)

    play(story)


def test_another_bucket_is_tried_without_a_pause(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        world.problem = BucketMissing("gone")
        await world.pass_time(300)
        world.problem = None
        changes = protos.Subscription(name=NAME, cloud_storage_config={"bucket": "other"})
        mask = protos.UpdateSubscriptionRequest(update_mask={"paths": ["cloud_storage_config"]})
        world.catalogue.update_subscription(changes, mask.update_mask)
        await world.settle()
        await world.pass_time(300)
        assert [bucket for bucket, _, _ in world.stored] == ["other"]

    play(story)


def test_without_storage_messages_wait_and_the_state_says_so(play):
    async def story(world):
        world.export()
        world.doorbell.connect(
            on_ready=Exporter(world.registry, world.doorbell, world.clock, None).notice,
            on_due=world.registry.advance,
        )
        world.publish(b"a")
        await world.pass_time(300)
        assert world.unacknowledged == 1
        assert world.catalogue.subscription(NAME).cloud_storage_config.state == 3

    play(story)


def test_a_seek_takes_messages_out_of_the_file(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        await world.settle()
        seek(world.registry, NAME, world.now + 1, world.now)
        await world.pass_time(300)
        assert (world.stored, world.unacknowledged) == ([], 0)

    play(story)


def test_a_subscription_that_is_pulled_from_now_on_ends_its_file(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        await world.settle()
        changes = protos.Subscription(name=NAME)
        mask = protos.UpdateSubscriptionRequest(update_mask={"paths": ["cloud_storage_config"]})
        world.catalogue.update_subscription(changes, mask.update_mask)
        await world.settle()
        assert [body for _, _, body in world.stored] == [b"a"]
        world.publish(b"b")
        await world.settle()
        assert [each.message.id for each in world.subscription.lease(world.now, 10)]

    play(story)


def test_a_deleted_subscription_writes_nothing(play):
    async def story(world):
        world.export()
        world.publish(b"a")
        await world.settle()
        world.catalogue.delete_subscription(NAME)
        await world.settle()
        assert world.stored == []

    play(story)
