"""What the broker tells those who watch it."""

import asyncio
import base64
from types import SimpleNamespace

import pytest

from emulator.pubsub.doors import watching
from emulator.pubsub.rules.errors import InvalidArgument, NotFound
from emulator.pubsub.rules.policies import DeadLetterPolicy, RetryPolicy
from tests.unit.pubsub.sandbox import START, TOPIC, Sandbox

DEAD = "projects/p/topics/dead"


@pytest.fixture
def sandbox():
    return Sandbox()


def backend(sandbox):
    return SimpleNamespace(registry=sandbox.registry, clock=lambda: sandbox.now)


def numbers(sandbox, subscription):
    return watching.state(backend(sandbox))["subscriptions"][subscription.name]


def test_the_state_tells_what_waits_is_in_flight_and_delayed(sandbox):
    subscription = sandbox.subscribe(retry=RetryPolicy(10, 600))
    for text in ("a", "b", "c"):
        sandbox.publish(text)
        sandbox.wait(1)
    [first] = sandbox.lease(subscription, 1)
    sandbox.refuse(subscription, first)
    flying = sandbox.lease(subscription, 1)
    told = numbers(sandbox, subscription)
    assert told["topic"] == TOPIC
    assert (told["waiting"], told["delayed"], told["in_flight"]) == (2, 1, 1)
    assert (told["oldest"], told["next_retry"]) == (START, sandbox.now + 10)
    assert (told["delivered"], told["failed"], told["attempts"]) == (2, 1, 1)
    assert told["retry"] == [10, 600]
    sandbox.acknowledge(subscription, *flying)
    sandbox.wait(10)
    assert numbers(sandbox, subscription)["delayed"] == 0


def test_peeking_takes_nothing(sandbox):
    subscription = sandbox.subscribe(retry=RetryPolicy(10, 600))
    sandbox.publish("a", color="red")
    sandbox.publish("b")
    [first] = sandbox.lease(subscription, 1)
    first.problem = "answered 500"
    sandbox.refuse(subscription, first)
    sandbox.lease(subscription, 1)
    asked = {"subscription": subscription.name}
    told = watching.peek(backend(sandbox), asked)
    assert watching.peek(backend(sandbox), asked) == told
    flying, waiting = told
    assert (flying["state"], flying["attempts"], flying["next"]) == ("in flight", 1, None)
    assert (waiting["state"], waiting["next"]) == ("waiting", sandbox.now + 10)
    assert (waiting["problem"], waiting["attributes"]) == ("answered 500", {"color": "red"})
    assert base64.b64decode(waiting["data"]) == b"a"
    assert len(watching.peek(backend(sandbox), {**asked, "limit": 1})) == 1


def test_messages_with_an_ordering_key_are_seen_too(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    for text in ("a", "b", "c"):
        sandbox.publish(text, key="k")
    sandbox.lease(subscription, 1, one_per_key=True)
    told = watching.peek(backend(sandbox), {"subscription": subscription.name})
    assert [(each["state"], each["ordering_key"]) for each in told] == [
        ("in flight", "k"),
        ("waiting", "k"),
        ("waiting", "k"),
    ]


def test_data_that_is_large_is_not_shown(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("x" * (watching.MOST_DATA_BYTES + 1))
    [told] = watching.peek(backend(sandbox), {"subscription": subscription.name})
    assert (told["data"], told["size"]) == (None, watching.MOST_DATA_BYTES + 1)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"subscription": "projects/p/subscriptions/none"}, NotFound),
        ({}, InvalidArgument),
        ([], InvalidArgument),
        ({"subscription": "projects/p/subscriptions/all", "limit": "many"}, InvalidArgument),
    ],
)
def test_a_wrong_question_is_refused(sandbox, asked, error):
    sandbox.subscribe()
    with pytest.raises(error):
        watching.peek(backend(sandbox), asked)


def read(sandbox, act):
    """Return the events that a reader gets while something is done."""

    async def run():
        readers = watching.Readers(lambda: sandbox.now)
        sandbox.router.watch = readers
        stopping = asyncio.Event()
        batches = readers.read(stopping)
        assert [event["kind"] for event in await anext(batches)] == ["hello"]
        act()
        events = await anext(batches)
        stopping.set()
        assert [batch async for batch in batches] == []
        return events

    return asyncio.run(run())


def test_a_reader_gets_the_life_of_a_message(sandbox):
    sandbox.registry.create_topic(DEAD)
    policy = DeadLetterPolicy(DEAD, 5)
    subscription = sandbox.subscribe(retry=RetryPolicy(10, 600), dead_letter=policy)

    def live():
        sandbox.publish("a")
        for _ in range(5):
            sandbox.refuse(subscription, *sandbox.lease(subscription))
            sandbox.wait(600)
        sandbox.publish("b")
        sandbox.take(subscription)

    events = read(sandbox, live)
    kinds = [event["kind"] for event in events]
    assert kinds == [
        "published",
        *["delivered", "failed"] * 4,
        *("delivered", "dead", "published"),
        *("published", "delivered", "acknowledged"),
    ]
    [dead] = [event for event in events if event["kind"] == "dead"]
    letter = events[kinds.index("dead") + 1]
    assert (dead["topic"], dead["attempt"], dead["letter"]) == (DEAD, 5, letter["message"])
    assert letter["topic"] == DEAD
    waits = [event["next"] - event["time"] for event in events if event["kind"] == "failed"]
    assert waits == [10, 20, 40, 80]


def test_a_reader_who_falls_behind_is_told_that_it_missed_something(sandbox):
    sandbox.subscribe()

    def publish_much():
        for _ in range(watching.MOST_EVENTS + 1):
            sandbox.publish("a")

    assert read(sandbox, publish_much)[0] == {"kind": "missed"}


def test_without_readers_nothing_is_kept(sandbox):
    readers = watching.Readers(lambda: sandbox.now)
    sandbox.router.watch = readers
    subscription = sandbox.subscribe()
    sandbox.publish("a")
    assert sandbox.take(subscription) == ["a"]
