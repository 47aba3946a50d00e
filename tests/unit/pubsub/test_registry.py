from dataclasses import replace

import pytest

from emulator.pubsub.rules import wire
from emulator.pubsub.rules.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.pubsub.rules.policies import DELETED_TOPIC, DeadLetterPolicy, RetryPolicy
from tests.unit.pubsub.sandbox import START, TOPIC, Sandbox, contents

GRAVE = "projects/p/topics/grave"
SNAPSHOT = "projects/p/snapshots/before"


class Ledger:
    """Keeps what the journal would."""

    def __init__(self) -> None:
        self.messages: set[int] = set()
        self.deliveries: dict[tuple[int, int], str] = {}

    def published(self, topic, messages):
        self.messages |= {message.id for message in messages}

    def owed(self, subscription, messages):
        self.deliveries |= {(subscription, message.id): "owed" for message in messages}

    def attempted(self, subscription, message, attempts):
        self.deliveries[subscription, message] = f"failed {attempts}"

    def acknowledged(self, subscription, message):
        self.deliveries[subscription, message] = "acknowledged"

    def settled(self, subscription, message):
        del self.deliveries[subscription, message]

    def forgotten(self, message):
        self.messages.remove(message)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def sandbox(ledger) -> Sandbox:
    return Sandbox(ledger)


def test_every_subscription_gets_a_message(sandbox):
    first, second = sandbox.subscribe("first"), sandbox.subscribe("second")
    sandbox.publish("one")
    assert sandbox.take(first) == sandbox.take(second) == ["one"]


def test_a_subscription_gets_nothing_from_before_it_was_made(sandbox):
    sandbox.publish("early")
    assert sandbox.lease(sandbox.subscribe()) == []


def test_a_filter_decides_who_gets_a_message(sandbox):
    red = sandbox.subscribe("red", matches=lambda attributes: attributes.get("c") == "red")
    sandbox.publish("apple", c="red")
    sandbox.publish("pear", c="green")
    assert sandbox.take(red) == ["apple"]


def test_names_are_unique(sandbox):
    sandbox.subscribe()
    with pytest.raises(AlreadyExists, match=r"resource=all"):
        sandbox.subscribe()
    with pytest.raises(AlreadyExists, match=r"resource=things"):
        sandbox.registry.create_topic(TOPIC)


def test_what_is_not_there_cannot_be_used(sandbox):
    missing = "projects/p/topics/missing"
    with pytest.raises(NotFound, match=r"Resource not found \(resource=missing\)\."):
        sandbox.publish("one", topic=missing)
    with pytest.raises(NotFound):
        sandbox.subscribe(topic=missing)
    with pytest.raises(NotFound):
        sandbox.registry.delete_topic(missing)
    with pytest.raises(NotFound):
        sandbox.registry.delete_subscription("projects/p/subscriptions/missing")


def test_a_subscription_outlives_its_topic_with_what_it_has(sandbox):
    subscription = sandbox.subscribe()
    sandbox.publish("one")
    assert list(sandbox.registry.delete_topic(TOPIC).subscriptions) == [subscription.name]
    assert subscription.policy.topic == DELETED_TOPIC
    sandbox.registry.create_topic(TOPIC)
    sandbox.publish("for others")
    assert sandbox.take(subscription) == ["one"]


def test_a_deleted_subscription_lets_go_of_everything(sandbox, ledger):
    subscription = sandbox.subscribe(ordered=True, retain_acked=True)
    for key in ("", "k", "k"):
        sandbox.publish("x", key)
    sandbox.acknowledge(subscription, *sandbox.lease(subscription, limit=1))
    sandbox.lease(subscription, limit=1)
    sandbox.registry.delete_subscription(subscription.name)
    assert not ledger.messages
    assert not ledger.deliveries


def test_a_detached_subscription_has_and_gets_nothing(sandbox, ledger):
    subscription = sandbox.subscribe()
    sandbox.publish("one")
    sandbox.registry.detach(subscription.name)
    sandbox.publish("two")
    assert sandbox.lease(subscription) == []
    assert not ledger.messages
    with pytest.raises(FailedPrecondition):
        sandbox.registry.detach(subscription.name)


def test_a_message_is_written_down_until_the_last_subscription_is_done(sandbox, ledger):
    first, second = sandbox.subscribe("first"), sandbox.subscribe("second")
    number = sandbox.publish("one")
    sandbox.take(first)
    assert ledger.messages == {number}
    assert ledger.deliveries == {(second.number, number): "owed"}
    sandbox.take(second)
    assert not ledger.messages


def test_what_nobody_gets_is_not_written_down(sandbox, ledger):
    sandbox.subscribe("none", matches=lambda attributes: False)
    sandbox.publish("one")
    assert not ledger.messages


def test_failures_are_written_down(sandbox, ledger):
    subscription = sandbox.subscribe()
    number = sandbox.publish("one")
    sandbox.refuse(subscription, *sandbox.lease(subscription))
    assert ledger.deliveries == {(subscription.number, number): "failed 1"}


def test_a_message_goes_to_the_dead_letter_topic_after_its_last_attempt(sandbox, ledger):
    sandbox.registry.create_topic(GRAVE)
    grave = sandbox.subscribe("grave", topic=GRAVE)
    subscription = sandbox.subscribe(dead_letter=DeadLetterPolicy(GRAVE, 5))
    number = sandbox.publish("poison", kind="thing")
    for attempt in range(1, 6):
        assert sandbox.lease(grave) == []
        (delivery,) = sandbox.lease(subscription)
        assert delivery.attempts == attempt
        sandbox.refuse(subscription, delivery)
    assert sandbox.lease(subscription) == []
    (buried,) = sandbox.lease(grave)
    assert buried.message.id > number
    assert contents([buried]) == ["poison"]
    assert buried.message.attributes == {
        "kind": "thing",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "all",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "1970-01-12T13:46:40.000+00:00",
    }
    assert ledger.messages == {buried.message.id}


def test_without_its_dead_letter_topic_a_message_is_tried_on(sandbox):
    subscription = sandbox.subscribe(dead_letter=DeadLetterPolicy(GRAVE, 5))
    sandbox.publish("poison")
    for _ in range(7):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    assert contents(sandbox.lease(subscription)) == ["poison"]


def test_a_buried_message_lets_those_behind_it_through(sandbox):
    sandbox.registry.create_topic(GRAVE)
    subscription = sandbox.subscribe(ordered=True, dead_letter=DeadLetterPolicy(GRAVE, 5))
    sandbox.publish("poison", "k")
    sandbox.publish("fine", "k")
    for _ in range(5):
        sandbox.refuse(subscription, *sandbox.lease(subscription, limit=1))
    assert sandbox.take(subscription) == ["fine"]


def test_seek_into_the_past_replays_what_was_acknowledged_since(sandbox):
    subscription = sandbox.subscribe(retain_acked=True)
    sandbox.publish("before")
    sandbox.wait(1)
    time = sandbox.now
    sandbox.publish("after")
    assert sandbox.take(subscription) == ["before", "after"]
    sandbox.seek(subscription, time)
    assert sandbox.take(subscription) == ["after"]


def test_seek_to_now_acknowledges_everything(sandbox, ledger):
    subscription = sandbox.subscribe(ordered=True)
    for key in ("", "k", "k"):
        sandbox.publish("x", key)
    sandbox.lease(subscription, limit=2)
    sandbox.wait(1)
    sandbox.seek(subscription, sandbox.now)
    sandbox.wait(60)
    assert sandbox.lease(subscription) == []
    assert not ledger.messages


def test_seek_replays_in_order_with_what_is_still_to_come(sandbox):
    subscription = sandbox.subscribe(ordered=True, retain_acked=True)
    for content in ("a", "b", "c"):
        sandbox.publish(content, "k")
    sandbox.take(subscription, limit=2)
    sandbox.seek(subscription, sandbox.now)
    assert sandbox.take(subscription) == ["a", "b", "c"]


@pytest.mark.parametrize("to", ["a time", "a snapshot"])
def test_seek_replays_what_was_acknowledged_out_of_turn(sandbox, ledger, to):
    subscription = sandbox.subscribe(ordered=True, retain_acked=True)
    for content in ("a", "b", "c"):
        sandbox.publish(content, "k")
    sandbox.registry.create_snapshot(SNAPSHOT, subscription.name)
    _, b, c = sandbox.lease(subscription)
    sandbox.acknowledge(subscription, b, c)
    if to == "a time":
        sandbox.seek(subscription, 1.0)
    else:
        sandbox.seek_snapshot(subscription, SNAPSHOT)
    assert sandbox.take(subscription) == ["a", "b", "c"]
    sandbox.registry.delete_snapshot(SNAPSHOT)
    sandbox.registry.delete_subscription(subscription.name)
    assert not ledger.messages
    assert not ledger.deliveries


def test_acknowledged_messages_are_not_kept_for_ever(sandbox, ledger):
    subscription = sandbox.subscribe(retain_acked=True, retention=600.0)
    sandbox.publish("old")
    sandbox.take(subscription)
    sandbox.wait(601)
    number = sandbox.publish("new")
    sandbox.take(subscription)
    assert ledger.messages == {number}


def test_a_topic_that_retains_messages_lets_a_later_subscription_seek_to_them(ledger):
    sandbox = Sandbox(ledger, retention=600.0)
    sandbox.publish("apple", c="red")
    sandbox.publish("pear", c="green")
    red = sandbox.subscribe(matches=lambda attributes: attributes.get("c") == "red")
    assert sandbox.lease(red) == []
    sandbox.seek(red, sandbox.now)
    assert sandbox.take(red) == ["apple"]
    sandbox.seek(red, sandbox.now)
    assert sandbox.take(red) == ["apple"]


def test_a_topic_retains_a_message_only_so_long(ledger):
    sandbox = Sandbox(ledger, retention=600.0)
    sandbox.publish("old")
    sandbox.wait(601)
    number = sandbox.publish("new")
    assert ledger.messages == {number}
    sandbox.registry.delete_topic(TOPIC)
    assert not ledger.messages


def test_ids_only_ever_grow(sandbox):
    assert list(sandbox.router.new_ids(2)) < list(sandbox.router.new_ids(1))


def test_a_topic_that_retains_for_longer_makes_older_messages_available(ledger):
    sandbox = Sandbox(ledger, retention=7_200.0)
    subscription = sandbox.subscribe(retention=600.0)
    sandbox.publish("one")
    sandbox.take(subscription)
    sandbox.wait(3_600)
    sandbox.seek(subscription, sandbox.now - 3_600)
    assert sandbox.take(subscription) == ["one"]


@pytest.mark.parametrize("state", ["waiting", "delayed", "of a key", "of a delayed key"])
def test_what_nobody_takes_is_not_kept_for_ever(sandbox, ledger, state):
    policy = {"retry": RetryPolicy(minimum=600.0, maximum=600.0), "retention": 600.0}
    subscription = sandbox.subscribe(ordered=True, **policy)
    key = "k" if "key" in state else ""
    sandbox.publish("old", key)
    sandbox.publish("older than the retention", key)
    if "delayed" in state:
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    sandbox.wait(590)
    number = sandbox.publish("new", key)
    sandbox.wait(20)
    sandbox.registry.expire(sandbox.now)
    assert ledger.messages == {number}
    sandbox.wait(570)
    assert sandbox.take(subscription) == ["new"]
    assert not ledger.messages


def test_what_is_leased_outlives_the_retention(sandbox, ledger):
    subscription = sandbox.subscribe(retention=600.0, ack_deadline=600.0)
    sandbox.publish("slow")
    sandbox.wait(599)
    (delivery,) = sandbox.lease(subscription)
    sandbox.wait(10)
    sandbox.registry.expire(sandbox.now)
    assert sandbox.acknowledge(subscription, delivery) == []
    assert not ledger.messages


def test_acknowledged_messages_are_let_go_when_they_are_too_old(sandbox, ledger):
    subscription = sandbox.subscribe(retain_acked=True, retention=600.0)
    sandbox.publish("old")
    sandbox.take(subscription)
    sandbox.wait(601)
    sandbox.registry.expire(sandbox.now)
    assert not ledger.messages


def test_acknowledged_messages_are_let_go_when_they_are_no_longer_to_be_kept(sandbox, ledger):
    subscription = sandbox.subscribe(retain_acked=True)
    sandbox.publish("one")
    sandbox.take(subscription)
    sandbox.registry.change_policy(
        subscription.name, replace(subscription.policy, retain_acked=False)
    )
    assert not ledger.messages
    sandbox.seek(subscription, 0.0)
    assert sandbox.lease(subscription) == []


def test_a_topic_that_stops_to_retain_lets_go(ledger):
    sandbox = Sandbox(ledger, retention=600.0)
    sandbox.publish("one")
    sandbox.registry.retain(TOPIC, None)
    assert not ledger.messages


def test_seek_to_a_snapshot_brings_back_what_was_unacknowledged_and_what_came_since(sandbox):
    subscription = sandbox.subscribe()
    for content in ("acknowledged", "leased", "waiting"):
        sandbox.publish(content)
    sandbox.take(subscription, limit=1)
    (held,) = sandbox.lease(subscription, limit=1)
    sandbox.registry.create_snapshot(SNAPSHOT, subscription.name)
    sandbox.acknowledge(subscription, held)
    sandbox.publish("since")
    assert sandbox.take(subscription) == ["waiting", "since"]
    sandbox.seek_snapshot(subscription, SNAPSHOT)
    assert sandbox.take(subscription) == ["leased", "waiting", "since"]


def test_seek_to_a_snapshot_acknowledges_what_is_not_in_it(sandbox):
    first, second = sandbox.subscribe("first"), sandbox.subscribe("second")
    sandbox.publish("one")
    sandbox.take(first)
    sandbox.registry.create_snapshot(SNAPSHOT, first.name)
    sandbox.publish("two")
    sandbox.seek_snapshot(second, SNAPSHOT)
    assert sandbox.take(second) == ["two"]


def test_a_filter_holds_for_what_a_snapshot_brings_back(sandbox):
    everything = sandbox.subscribe()
    red = sandbox.subscribe("red", matches=lambda attributes: attributes.get("c") == "red")
    sandbox.registry.create_snapshot(SNAPSHOT, everything.name)
    sandbox.publish("apple", c="red")
    sandbox.publish("pear", c="green")
    sandbox.take(red)
    sandbox.seek_snapshot(red, SNAPSHOT)
    assert sandbox.take(red) == ["apple"]


def test_ordered_messages_of_a_snapshot_come_back_in_order(sandbox):
    subscription = sandbox.subscribe(ordered=True)
    sandbox.publish("a", "k")
    sandbox.publish("b", "k")
    sandbox.registry.create_snapshot(SNAPSHOT, subscription.name)
    assert sandbox.take(subscription) == ["a", "b"]
    sandbox.publish("c", "k")
    sandbox.seek_snapshot(subscription, SNAPSHOT)
    assert sandbox.take(subscription) == ["a", "b", "c"]


def test_a_snapshot_is_not_of_a_later_topic_of_the_same_name(sandbox):
    sandbox.registry.create_snapshot(SNAPSHOT, sandbox.subscribe("early").name)
    sandbox.registry.delete_topic(TOPIC)
    sandbox.registry.create_topic(TOPIC)
    late = sandbox.subscribe("late")
    with pytest.raises(FailedPrecondition, match="is of topic _deleted-topic_"):
        sandbox.seek_snapshot(late, SNAPSHOT)


def test_a_deleted_snapshot_lets_go_of_its_messages(sandbox, ledger):
    subscription = sandbox.subscribe()
    sandbox.publish("before")
    sandbox.registry.create_snapshot(SNAPSHOT, subscription.name)
    sandbox.publish("after")
    sandbox.take(subscription)
    assert len(ledger.messages) == 2
    sandbox.registry.delete_snapshot(SNAPSHOT)
    assert not ledger.messages
    assert not ledger.deliveries
    sandbox.publish("later")
    sandbox.take(subscription)
    assert not ledger.messages


def test_a_snapshot_is_of_one_topic(sandbox):
    other = "projects/p/topics/other"
    sandbox.registry.create_topic(other)
    here, there = sandbox.subscribe("here"), sandbox.subscribe("there", topic=other)
    sandbox.registry.create_snapshot(SNAPSHOT, here.name)
    with pytest.raises(AlreadyExists):
        sandbox.registry.create_snapshot(SNAPSHOT, here.name)
    with pytest.raises(FailedPrecondition, match=r"topics/things.*topics/other"):
        sandbox.seek_snapshot(there, SNAPSHOT)
    with pytest.raises(NotFound):
        sandbox.seek_snapshot(here, "projects/p/snapshots/missing")
    sandbox.registry.delete_topic(TOPIC)
    with pytest.raises(FailedPrecondition, match="not attached to a topic"):
        sandbox.seek_snapshot(here, SNAPSHOT)
    with pytest.raises(FailedPrecondition, match="not attached to a topic"):
        sandbox.registry.create_snapshot(f"{SNAPSHOT}-2", here.name)


def test_publish_times_come_back_when_the_clock_was_ahead(sandbox):
    subscription = sandbox.subscribe()
    sandbox.behind = 3_600.0
    sandbox.publish("now")
    [delivery] = sandbox.lease(subscription)
    told = wire.parse(delivery.message.wire).publish_time
    assert told.ToMilliseconds() == (START - 3_600) * 1000


def test_dead_letters_tell_the_time_of_the_machine(sandbox):
    letters = sandbox.registry.create_topic("projects/p/topics/letters")
    policy = DeadLetterPolicy(letters.name, 5)
    subscription = sandbox.subscribe(dead_letter=policy)
    dead = sandbox.subscribe("dead", topic=letters.name)
    sandbox.behind = START - 60
    sandbox.publish("bad")
    for _ in range(5):
        sandbox.refuse(subscription, *sandbox.lease(subscription))
    letter = wire.parse(sandbox.lease(dead)[0].message.wire)
    assert letter.publish_time.seconds == 60
    told = letter.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"]
    assert told == "1970-01-01T00:01:00.000+00:00"


def test_a_clock_that_was_ahead_makes_no_message_old(sandbox):
    subscription = sandbox.subscribe(retention=600.0, retain_acked=True)
    sandbox.behind = 3_600.0
    sandbox.publish("now")
    sandbox.wait(599)
    sandbox.registry.expire(sandbox.now)
    assert sandbox.take(subscription) == ["now"]
    sandbox.registry.expire(sandbox.now)
    sandbox.seek(subscription, START - 3_600)
    assert sandbox.take(subscription) == ["now"]


def test_seek_compares_with_the_times_that_clients_were_told(sandbox):
    subscription = sandbox.subscribe(retain_acked=True)
    sandbox.publish("before")
    sandbox.wait(10)
    sandbox.behind = 3_600.0
    sandbox.publish("back")
    sandbox.take(subscription)
    sandbox.seek(subscription, START - 3_600)
    assert sandbox.take(subscription) == ["before", "back"]
    sandbox.seek(subscription, START)
    assert sandbox.take(subscription) == ["before"]
