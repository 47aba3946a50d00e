"""What the samples of google-cloud-pubsub do that no other test here does.

https://github.com/googleapis/python-pubsub/tree/main/samples/snippets
"""

import threading
import time
from concurrent import futures

import pytest
from google.api_core import retry
from google.api_core.exceptions import (
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
    ServiceUnavailable,
)
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.types import (
    BatchSettings,
    DeadLetterPolicy,
    FieldMask,
    LimitExceededBehavior,
    PublisherOptions,
    PublishFlowControl,
    Subscription,
    Topic,
)
from google.pubsub_v1 import PublisherClient as PlainPublisher

from tests.conformance.brokers import PROJECT
from tests.conformance.endpoint import eventually


@pytest.fixture
def publisher_with(broker, monkeypatch):
    """Make publishers with settings of their own."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
    made = []

    def publisher(*settings, **options):
        made.append(pubsub_v1.PublisherClient(*settings, **options))
        return made[-1]

    yield publisher
    for client in made:
        client.stop()
        client.transport.close()


@pytest.fixture
def receive(broker):
    """Receive in the background until the end of the test."""
    streams = []

    def receive(subscription, callback, **settings):
        streams.append(broker.subscriber.subscribe(subscription, callback=callback, **settings))
        return streams[-1]

    yield receive
    for stream in streams:
        stream.cancel()
        stream.exception(20)  # waits for the end; what went wrong is the test's to look at


def test_messages_are_published_in_batches(publisher_with, topic, subscribe, pull):
    subscription = subscribe()
    publisher = publisher_with(BatchSettings(max_messages=10, max_bytes=1024, max_latency=1))
    ids = []
    published = [publisher.publish(topic, b"Message number %d" % n) for n in range(1, 10)]
    for future in published:
        future.add_done_callback(lambda future: ids.append(future.result()))
    futures.wait(published, timeout=20)
    received = pull(subscription, 9)
    assert sorted(item.message.message_id for item in received) == sorted(ids)


def test_a_publisher_that_limits_itself_publishes_everything(
    publisher_with, topic, subscribe, pull
):
    subscription = subscribe()
    control = PublishFlowControl(
        message_limit=100,
        byte_limit=10 * 1024 * 1024,
        limit_exceeded_behavior=LimitExceededBehavior.BLOCK,
    )
    publisher = publisher_with(publisher_options=PublisherOptions(flow_control=control))
    published = [publisher.publish(topic, b"Message number %d" % n) for n in range(1000)]
    assert len({future.result(20) for future in published}) == 1000
    assert len(pull(subscription, 1000)) == 1000


def test_a_publisher_with_settings_for_retry_publishes(broker, topic, subscribe, pull):
    subscription = subscribe()
    again = retry.Retry(
        initial=0.25,
        maximum=90.0,
        multiplier=1.45,
        deadline=300.0,
        predicate=retry.if_exception_type(InternalServerError, ServiceUnavailable),
    )
    broker.publisher.publish(topic=topic, data=b"a", retry=again).result(20)
    assert pull(subscription)[0].message.data == b"a"


def test_a_publisher_of_ordered_messages_goes_on_after_a_failure(
    broker, publisher_with, topic, subscribe, publish, pull
):
    subscription = subscribe(enable_message_ordering=True)
    with pytest.raises(GoogleAPICallError):
        broker.publisher.publish(f"{topic}-missing", b"a", "key1").result(20)
    broker.publisher.resume_publish(f"{topic}-missing", "key1")
    for data, key in ((b"1", "key1"), (b"2", "key2"), (b"3", "key1"), (b"4", "key2")):
        publish(data, ordering_key=key)
    got = {"key1": [], "key2": []}
    while sum(map(len, got.values())) < 4:
        received = pull(subscription)
        for item in received:
            got[item.message.ordering_key].append(item.message.data)
        broker.subscriber.acknowledge(
            subscription=subscription, ack_ids=[item.ack_id for item in received]
        )
    assert got == {"key1": [b"1", b"3"], "key2": [b"2", b"4"]}


@pytest.mark.departure(
    "takes several", "https://docs.cloud.google.com/pubsub/docs/publisher#ordering_keys"
)
def test_messages_of_a_request_are_of_one_ordering_key(broker, topic):
    messages = [{"data": b"1", "ordering_key": key} for key in ("key1", "key2")]
    with pytest.raises(InvalidArgument):
        PlainPublisher.publish(broker.publisher, topic=topic, messages=messages)


@pytest.mark.departure(
    "does not detach", "https://docs.cloud.google.com/pubsub/docs/detach-subscriptions"
)
def test_a_detached_subscription_has_nothing_and_gets_nothing(broker, topic, subscribe, publish):
    subscription = subscribe()
    publish(b"a")
    broker.publisher.detach_subscription(request={"subscription": subscription})
    assert broker.subscriber.get_subscription(subscription=subscription).detached
    assert list(broker.publisher.list_topic_subscriptions(topic=topic)) == []
    with pytest.raises(GoogleAPICallError):
        broker.subscriber.pull(subscription=subscription, max_messages=1, timeout=10)


def test_a_dead_letter_policy_is_given_changed_and_taken_away(broker, topic, subscribe):
    path = subscribe()

    def update(**fields):
        return broker.subscriber.update_subscription(
            request={
                "subscription": Subscription(name=path, topic=topic, **fields),
                "update_mask": FieldMask(paths=["dead_letter_policy"]),
            }
        ).dead_letter_policy

    policy = DeadLetterPolicy(dead_letter_topic=topic, max_delivery_attempts=20)
    assert update(dead_letter_policy=policy) == policy
    policy = DeadLetterPolicy(dead_letter_topic=topic, max_delivery_attempts=30)
    assert update(dead_letter_policy=policy) == policy
    assert update() == DeadLetterPolicy()
    assert not broker.subscriber.get_subscription(subscription=path).dead_letter_policy


def test_the_endpoint_of_a_push_subscription_is_updated(broker, subscribe, publish, endpoint):
    path = subscribe(push_config={"push_endpoint": "http://127.0.0.1:9/nobody"})
    updated = broker.subscriber.update_subscription(
        request={
            "subscription": {"name": path, "push_config": {"push_endpoint": endpoint.url}},
            "update_mask": {"paths": {"push_config"}},
        }
    )
    assert updated.push_config.push_endpoint == endpoint.url
    publish(b"a")
    assert endpoint.wait(1)[0].data == b"a"


def test_a_subscription_that_is_missing_is_told_to_who_receives_and_may_be_made_then(
    broker, topic, name, publish, receive
):
    path = f"{PROJECT}/subscriptions/{name}"
    with pytest.raises(NotFound):
        receive(path, lambda message: message.ack()).result(20)
    broker.subscriber.create_subscription(name=path, topic=topic)
    seen = []

    def take(message):
        seen.append(message.data)
        message.ack()

    receive(path, take)
    publish(b"a")
    eventually(lambda: seen == [b"a"])
    broker.subscriber.delete_subscription(subscription=path)


def test_a_shutdown_waits_for_what_is_worked_on(subscribe, publish, receive, nothing_comes):
    subscription = subscribe()
    started, finish, done = threading.Event(), threading.Event(), []

    def work(message):
        started.set()
        finish.wait(20)
        message.ack()
        done.append(message.data)

    stream = receive(subscription, work, await_callbacks_on_shutdown=True)
    publish(b"a")
    assert started.wait(20)
    stream.cancel()
    finish.set()
    stream.result(20)
    assert done == [b"a"]
    nothing_comes(subscription)


def test_a_receiver_that_works_for_long_keeps_its_message(subscribe, publish, receive):
    subscription = subscribe(ack_deadline_seconds=10)
    seen = []

    def work(message):
        seen.append(message.message_id)
        time.sleep(12)  # in which the client extends the deadline
        message.ack()

    stream = receive(subscription, work)
    publish(b"a")
    eventually(lambda: seen)
    time.sleep(14)
    stream.cancel()
    stream.result(20)
    assert len(seen) == 1


def test_a_delivery_attempt_is_told_to_who_receives(broker, topic, subscribe, publish, receive):
    policy = {"dead_letter_topic": topic, "max_delivery_attempts": 10}
    subscription = subscribe(dead_letter_policy=policy)
    attempts = []

    def take(message):
        attempts.append(message.delivery_attempt)
        message.nack() if len(attempts) < 3 else message.ack()

    receive(subscription, take)
    publish(b"a")
    eventually(lambda: len(attempts) >= 3)
    assert attempts[:3] == [1, 2, 3]


def test_with_exactly_once_delivery_who_acknowledges_learns_that_it_counted(
    subscribe, publish, receive, nothing_comes
):
    subscription = subscribe(enable_exactly_once_delivery=True)
    outcomes = []

    def take(message):
        outcomes.append(message.ack_with_response().result(20))

    stream = receive(subscription, take)
    publish(b"a", b"b", b"c")
    eventually(lambda: len(outcomes) == 3)
    stream.cancel()
    stream.result(20)
    assert {outcome.name for outcome in outcomes} == {"SUCCESS"}
    nothing_comes(subscription)


def test_with_exactly_once_delivery_a_message_is_not_acknowledged_before_its_predecessors(
    broker, subscribe, publish, pull
):
    subscription = subscribe(enable_exactly_once_delivery=True, enable_message_ordering=True)
    for content in (b"a", b"b"):
        publish(content, ordering_key="cats")
    first, second = (item.ack_id for item in pull(subscription, count=2))
    with pytest.raises(InvalidArgument) as refused:
        broker.subscriber.acknowledge(subscription=subscription, ack_ids=[second], retry=None)
    (detail,) = refused.value.details
    assert dict(detail.metadata) == {second: "TRANSIENT_FAILURE_UNORDERED_ACK_ID"}
    broker.subscriber.acknowledge(subscription=subscription, ack_ids=[first, second])


def test_a_lease_is_extended_while_somebody_works(broker, subscribe, publish, pull, nothing_comes):
    subscription = subscribe(ack_deadline_seconds=10)
    publish(b"a")
    [received] = pull(subscription)
    for _ in range(3):
        broker.subscriber.modify_ack_deadline(
            request={
                "subscription": subscription,
                "ack_ids": [received.ack_id],
                "ack_deadline_seconds": 10,
            }
        )
        time.sleep(4)
    nothing_comes(subscription)
    broker.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])
    nothing_comes(subscription)


def test_a_pull_waits_for_a_message(broker, subscribe, publish):
    subscription = subscribe()
    with futures.ThreadPoolExecutor() as threads:
        waiting = threads.submit(
            broker.subscriber.pull,
            request={"subscription": subscription, "max_messages": 3},
            retry=retry.Retry(deadline=60),
        )
        time.sleep(0.5)
        publish(b"late")
        [received] = waiting.result(60).received_messages
    assert received.message.data == b"late"


@pytest.mark.departure(
    "gives no state",
    "https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#state",
)
def test_a_topic_that_cannot_import_keeps_its_settings_and_says_so(broker, topic):
    stream = "arn:aws:kinesis:us-west-2:111111111111:stream/missing"
    kinesis = {
        "stream_arn": stream,
        "consumer_arn": f"{stream}/consumer/reader:1",
        "aws_role_arn": "arn:aws:iam::111111111111:role/reader",
        "gcp_service_account": "reader@project.iam.gserviceaccount.com",
    }
    broker.publisher.update_topic(
        request={
            "topic": {"name": topic, "ingestion_data_source_settings": {"aws_kinesis": kinesis}},
            "update_mask": {"paths": ["ingestion_data_source_settings"]},
        }
    )
    kept = broker.publisher.get_topic(topic=topic)
    assert kept.ingestion_data_source_settings.aws_kinesis.stream_arn == stream
    assert kept.state == Topic.State.INGESTION_RESOURCE_ERROR
    assert kept.ingestion_data_source_settings.aws_kinesis.state.name == "STREAM_NOT_FOUND"


def test_ours_says_what_it_cannot_subscribe_to(broker, subscribe):
    if broker.kind == "official":
        pytest.skip("Google's emulator takes it and delivers nothing")
    with pytest.raises(MethodNotImplemented, match="bigquery_config"):
        subscribe(bigquery_config={"table": "project.dataset.table"})
