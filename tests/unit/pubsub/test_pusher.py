"""The pusher with an endpoint that only exists in memory."""

import asyncio
import time
from dataclasses import replace

import pytest

from emulator.pubsub.doors import pusher as pushing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.pusher import Pusher
from emulator.pubsub.protos import PubsubMessage
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.policies import PushTarget, SubscriptionPolicy
from emulator.pubsub.rules.registry import Registry

TOPIC = "projects/p/topics/things"
NAME = "projects/p/subscriptions/pushed"


class World:
    """A broker with one push subscription, whose endpoint is `answer`."""

    def __init__(self, make_token=lambda account, audience: "token") -> None:
        self.arrived: list[tuple[str, list]] = []
        self.answer = self.accept
        self.doorbell = Doorbell(time.time)
        self.registry = Registry(self.doorbell)
        self.pusher = Pusher(self.registry, self.doorbell, time.time, make_token, limit=10)
        self.doorbell.connect(on_ready=self.pusher.notice, on_due=self.registry.advance)
        self.registry.create_topic(TOPIC)

    async def accept(self, url):
        return 204

    async def post(self, url, headers, body, seconds):
        self.arrived.append((url, headers))
        return await self.answer(url)

    def push_to(self, url, **target):
        self.change(PushTarget(url, **target))

    def change(self, target):
        if NAME in self.registry.subscriptions:
            policy = self.registry.subscription(NAME).policy
            self.registry.change_policy(NAME, replace(policy, push=target))
        else:
            self.registry.create_subscription(NAME, SubscriptionPolicy(TOPIC, push=target))

    def publish(self):
        ids = self.registry.router.new_ids(1)
        messages = wire.stamp([PubsubMessage(data=b"x")], ids, time.time())
        self.registry.router.publish(self.registry.topic(TOPIC), messages)

    async def until(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
def play(monkeypatch):
    def play(story, **options):
        async def run():
            world = World(**options)

            class Poster:
                post = staticmethod(world.post)

                def close(self):
                    pass

            monkeypatch.setattr(pushing, "HttpPoster", Poster)
            await story(world)
            await world.pusher.close()

        asyncio.run(run())

    return play


def test_a_new_endpoint_is_used_while_requests_to_the_old_one_are_under_way(play):
    async def story(world):
        release = asyncio.Event()

        async def slow(url):
            await release.wait()
            return 204

        world.answer = slow
        world.push_to("http://old")
        world.publish()
        await world.until(lambda: world.arrived)
        world.change(None)
        await asyncio.sleep(0.01)
        world.push_to("http://new")
        world.publish()
        release.set()
        await world.until(lambda: [url for url, _ in world.arrived] == ["http://old", "http://new"])

    play(story)


@pytest.mark.parametrize("error", [ValueError("bad host"), OSError("no route")])
def test_a_push_that_cannot_be_sent_does_not_end_the_others(play, error):
    async def story(world):
        async def fail_once(url):
            if len(world.arrived) == 1:
                raise error
            return 204

        world.answer = fail_once
        world.push_to("http://there")
        world.publish()
        await world.until(lambda: len(world.arrived) == 2)
        world.publish()
        await world.until(lambda: len(world.arrived) == 3)

    play(story)


def test_a_token_that_cannot_be_made_is_a_failure_that_is_told(play, caplog):
    def no_key(account, audience):
        raise ValueError("signing-key.pem: expected an RSA private key")

    async def story(world):
        world.push_to("http://there", service_account="a@b.c")
        world.publish()
        await world.until(lambda: "signing-key.pem: expected" in caplog.text)
        assert world.arrived == []

    play(story, make_token=no_key)


def test_a_token_goes_with_the_push(play):
    async def story(world):
        world.push_to("http://there", service_account="a@b.c")
        world.publish()
        await world.until(lambda: world.arrived)
        assert ("Authorization", "Bearer token") in world.arrived[0][1]

    play(story)


def test_nothing_is_pushed_after_the_subscription_is_deleted(play):
    async def story(world):
        world.push_to("http://there")
        subscription = world.registry.subscription(NAME)
        world.registry.delete_subscription(NAME)
        world.pusher.notice(subscription)
        world.publish()
        await asyncio.sleep(0.01)
        assert world.arrived == []

    play(story)


def test_a_new_endpoint_does_not_wait_for_the_old_one(play):
    async def story(world):
        release = asyncio.Event()

        async def hang_at_the_old(url):
            if url == "http://old":
                await release.wait()
            return 204

        world.answer = hang_at_the_old
        world.push_to("http://old")
        for _ in range(10):
            world.publish()
        await world.until(lambda: world.arrived)
        world.change(None)
        await asyncio.sleep(0.01)
        world.push_to("http://new")
        world.publish()
        await world.until(lambda: "http://new" in [url for url, _ in world.arrived])
        release.set()

    play(story)


def test_a_late_answer_does_not_settle_a_later_lease(play):
    async def story(world):
        release = asyncio.Event()

        async def hang(url):
            await release.wait()
            return 500

        world.answer = hang
        world.push_to("http://here")
        world.publish()
        await world.until(lambda: world.arrived)
        subscription = world.registry.subscription(NAME)
        # The machine sleeps: the lease ends, and the request goes on.
        subscription.advance(time.time() + 3600)
        (again,) = subscription.lease(time.time(), 1)
        release.set()
        await asyncio.sleep(0.05)
        assert subscription.acknowledge([again.lease], time.time()) == []

    play(story)
