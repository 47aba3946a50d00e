"""What is delivered to whom, and when again, to those who pull."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.pubsub_v1.types import FlowControl
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient

from tests.conformance.brokers import PROJECT
from tests.conformance.endpoint import eventually

FILTERS = "https://docs.cloud.google.com/pubsub/docs/subscription-message-filter"


def acknowledge(broker, subscription, received):
    broker.subscriber.acknowledge(
        subscription=subscription, ack_ids=[item.ack_id for item in received]
    )


def refuse(broker, subscription, received):
    broker.subscriber.modify_ack_deadline(
        subscription=subscription,
        ack_ids=[item.ack_id for item in received],
        ack_deadline_seconds=0,
    )


def test_a_message_comes_as_it_was_published(subscribe, publish, pull):
    subscription = subscribe()
    [id] = publish(b"\x00data", colour="red", empty="")
    [received] = pull(subscription)
    assert received.message.data == b"\x00data"
    assert dict(received.message.attributes) == {"colour": "red", "empty": ""}
    assert received.message.message_id == id
    assert abs(datetime.now(UTC) - received.message.publish_time) < timedelta(minutes=5)


def test_a_message_of_attributes_alone_comes(subscribe, publish, pull):
    subscription = subscribe()
    publish(b"", colour="red")
    [received] = pull(subscription)
    assert received.message.data == b""
    assert received.message.attributes["colour"] == "red"


def test_every_subscription_gets_every_message(broker, subscribe, publish, pull):
    first, second = subscribe(), subscribe()
    publish(b"a", b"b", b"c")
    for subscription in (first, second):
        received = pull(subscription, 3)
        assert sorted(item.message.data for item in received) == [b"a", b"b", b"c"]


def test_what_was_published_before_a_subscription_does_not_reach_it(
    subscribe, publish, nothing_comes
):
    publish(b"early")
    nothing_comes(subscribe())


def test_an_acknowledged_message_does_not_come_again(
    broker, subscribe, publish, pull, nothing_comes
):
    subscription = subscribe()
    publish(b"a")
    acknowledge(broker, subscription, pull(subscription))
    nothing_comes(subscription)


def test_a_message_is_held_while_it_is_leased(subscribe, publish, pull, nothing_comes):
    subscription = subscribe()
    publish(b"a")
    pull(subscription)
    nothing_comes(subscription)


def test_a_refused_message_comes_again_at_once(broker, subscribe, publish, pull):
    subscription = subscribe()
    publish(b"a")
    first = pull(subscription)
    refuse(broker, subscription, first)
    [again] = pull(subscription)
    assert again.message.message_id == first[0].message.message_id


def test_a_message_whose_deadline_is_over_comes_again(broker, subscribe, publish, pull):
    subscription = subscribe(ack_deadline_seconds=10)
    publish(b"a")
    received = pull(subscription)
    broker.subscriber.modify_ack_deadline(
        subscription=subscription, ack_ids=[received[0].ack_id], ack_deadline_seconds=1
    )
    [again] = pull(subscription, seconds=15)
    assert again.message.data == b"a"


@pytest.mark.departure(
    "delivers what a puller refused at once",
    "https://docs.cloud.google.com/pubsub/docs/handling-failures#exponential_backoff",
)
def test_a_retry_policy_puts_the_next_delivery_off(broker, subscribe, publish, pull, nothing_comes):
    policy = {"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=2)}
    subscription = subscribe(retry_policy=policy)
    publish(b"a")
    refuse(broker, subscription, pull(subscription))
    nothing_comes(subscription)
    assert pull(subscription)[0].message.data == b"a"


@pytest.mark.departure(
    "keeps a message that is refused by those who pull",
    "https://docs.cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work",
)
def test_a_message_that_always_fails_goes_to_the_dead_letter_topic(
    broker, subscribe, publish, pull, name
):
    dead = f"{PROJECT}/topics/{name}-dead"
    graveyard = f"{PROJECT}/subscriptions/{name}-dead"
    broker.publisher.create_topic(name=dead)
    broker.subscriber.create_subscription(name=graveyard, topic=dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscription = subscribe(dead_letter_policy=policy)
    publish(b"poison", colour="red")
    attempts = []
    for _ in range(5):
        received = pull(subscription)
        attempts.append(received[0].delivery_attempt)
        refuse(broker, subscription, received)
    assert attempts == [1, 2, 3, 4, 5]
    [buried] = pull(graveyard)
    assert buried.message.data == b"poison"
    attributes = dict(buried.message.attributes)
    assert attributes["colour"] == "red"
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.split("/")[-1]
    assert attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == "conformance"
    assert "CloudPubSubDeadLetterSourceTopicPublishTime" in attributes
    broker.subscriber.delete_subscription(subscription=graveyard)
    broker.publisher.delete_topic(topic=dead)


@pytest.mark.departure("ignores filters", FILTERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('attributes.kind = "cat"', ["cat", "cat tabby"]),
        ('attributes.kind != "cat"', ["dog", "none"]),
        ("attributes:kind", ["cat", "cat tabby", "dog"]),
        ("NOT attributes:kind", ["none"]),
        ('hasPrefix(attributes.coat, "tab")', ["cat tabby"]),
        ('attributes.kind = "dog" OR attributes:coat', ["cat tabby", "dog"]),
        ('attributes.kind = "cat" AND NOT (attributes:coat)', ["cat"]),
    ],
)
def test_a_filter_lets_through_what_it_says(
    broker, subscribe, publish, pull, nothing_comes, text, expected
):
    subscription = subscribe(filter=text)
    publish(b"cat", kind="cat")
    publish(b"cat tabby", kind="cat", coat="tabby")
    publish(b"dog", kind="dog")
    publish(b"none", other="x")
    received = pull(subscription, len(expected))
    assert sorted(item.message.data.decode() for item in received) == expected
    acknowledge(broker, subscription, received)
    nothing_comes(subscription)


def test_messages_of_an_ordering_key_come_in_order(broker, subscribe, publish, pull):
    subscription = subscribe(enable_message_ordering=True)
    for number in range(20):
        publish(b"%d" % number, ordering_key="cats")
    numbers = []
    while len(numbers) < 20:
        received = pull(subscription)
        numbers += [int(item.message.data) for item in received]
        acknowledge(broker, subscription, received)
    assert numbers == list(range(20))


@pytest.mark.departure(
    "delivers those behind a refused message first",
    "https://docs.cloud.google.com/pubsub/docs/ordering",
)
def test_a_refused_message_of_a_key_comes_before_those_behind_it(broker, subscribe, publish, pull):
    subscription = subscribe(enable_message_ordering=True)
    for number in range(3):
        publish(b"%d" % number, ordering_key="cats")
    refuse(broker, subscription, pull(subscription))
    numbers = []
    while len(numbers) < 3:
        received = pull(subscription)
        numbers += [int(item.message.data) for item in received]
        acknowledge(broker, subscription, received)
    assert numbers == [0, 1, 2]


def test_seek_to_the_past_brings_acknowledged_messages_back(broker, subscribe, publish, pull):
    subscription = subscribe(retain_acked_messages=True)
    before = datetime.now(UTC) - timedelta(seconds=2)
    publish(b"a")
    acknowledge(broker, subscription, pull(subscription))
    broker.subscriber.seek(request={"subscription": subscription, "time": before})
    assert pull(subscription)[0].message.data == b"a"


def test_a_seek_ends_leases_so_an_old_ack_id_acknowledges_nothing(broker, subscribe, publish, pull):
    subscription = subscribe()
    publish(b"a")
    received = pull(subscription)
    before = datetime.now(UTC) - timedelta(seconds=20)
    broker.subscriber.seek(request={"subscription": subscription, "time": before})
    acknowledge(broker, subscription, received)
    assert [item.message.data for item in pull(subscription)] == [b"a"]


def test_seek_to_the_future_drops_what_waits(broker, subscribe, publish, nothing_comes):
    subscription = subscribe()
    publish(b"a")
    later = datetime.now(UTC) + timedelta(hours=1)
    broker.subscriber.seek(request={"subscription": subscription, "time": later})
    nothing_comes(subscription)


def test_a_streaming_pull_gets_everything_once_and_acknowledges_it(
    broker, subscribe, publish, nothing_comes
):
    subscription = subscribe()
    seen, lock = [], threading.Lock()

    def take(message):
        with lock:
            seen.append(message.data)
        message.ack()

    stream = broker.subscriber.subscribe(subscription, callback=take)
    try:
        data = [b"%d" % number for number in range(200)]
        publish(*data)
        eventually(lambda: len(seen) >= 200)
    finally:
        stream.cancel()
        stream.result(20)
    assert sorted(seen) == sorted(data)
    nothing_comes(subscription)


def test_a_streaming_pull_that_refuses_gets_it_again(broker, subscribe, publish):
    subscription = subscribe()
    seen = []

    def take(message):
        seen.append(message.message_id)
        message.nack() if len(seen) == 1 else message.ack()

    stream = broker.subscriber.subscribe(subscription, callback=take)
    try:
        [id] = publish(b"a")
        eventually(lambda: len(seen) == 2)
    finally:
        stream.cancel()
        stream.result(20)
    assert seen == [id, id]


def test_a_stream_holds_no_more_than_it_asked_for(broker, subscribe, publish):
    subscription = subscribe()
    held, most, release = set(), [0], threading.Event()

    def take(message):
        held.add(message.message_id)
        most[0] = max(most[0], len(held))
        release.wait(20)
        held.discard(message.message_id)
        message.ack()

    publish(*[b"%d" % number for number in range(12)])
    stream = broker.subscriber.subscribe(
        subscription, callback=take, flow_control=FlowControl(max_messages=3)
    )
    try:
        eventually(lambda: len(held) == 3)
        release.set()
        eventually(lambda: not held)
    finally:
        release.set()
        stream.cancel()
        stream.result(20)
    assert most[0] <= 3


def test_messages_in_one_request_keep_their_number(broker, topic, subscribe, pull):
    subscription = subscribe()
    messages = [{"data": b"%d" % number} for number in range(100)]
    ids = PublisherClient.publish(broker.publisher, topic=topic, messages=messages).message_ids
    assert len(set(ids)) == 100
    received = pull(subscription, 100)
    by_id = {item.message.message_id: item.message.data for item in received}
    assert [by_id[id] for id in ids] == [message["data"] for message in messages]


@pytest.mark.parametrize(
    "message",
    [
        {"data": b"x", "attributes": {f"a{number}": "x" for number in range(101)}},
        {"data": b"x", "attributes": {"a" * 257: "x"}},
        {"data": b"x", "attributes": {"a": "x" * 1025}},
    ],
    ids=["101 attributes", "a key of 257 bytes", "a value of 1,025 bytes"],
)
@pytest.mark.departure("accepts it", "https://docs.cloud.google.com/pubsub/quotas#resource_limits")
def test_a_message_over_the_limits_is_refused(broker, topic, message):
    with pytest.raises(InvalidArgument):
        PublisherClient.publish(broker.publisher, topic=topic, messages=[message])
