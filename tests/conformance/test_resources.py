"""Topics and subscriptions: made, found, changed, deleted, and the errors on the way."""

import grpc
import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.protobuf.duration_pb2 import Duration

from tests.conformance.brokers import PROJECT

SUBSCRIPTIONS = "https://docs.cloud.google.com/pubsub/docs/subscription-properties"


def test_a_topic_is_found_listed_and_deleted(broker, name):
    path = f"{PROJECT}/topics/{name}"
    assert broker.publisher.create_topic(name=path).name == path
    assert broker.publisher.get_topic(topic=path).name == path
    assert path in [topic.name for topic in broker.publisher.list_topics(project=PROJECT)]
    broker.publisher.delete_topic(topic=path)
    with pytest.raises(NotFound):
        broker.publisher.get_topic(topic=path)


def test_a_topic_is_made_once(broker, topic):
    with pytest.raises(AlreadyExists):
        broker.publisher.create_topic(name=topic)


@pytest.mark.departure("knows no labels", "https://docs.cloud.google.com/pubsub/docs/labels")
def test_a_topics_labels_are_changed(broker, topic):
    request = {
        "topic": {"name": topic, "labels": {"colour": "red"}},
        "update_mask": {"paths": ["labels"]},
    }
    broker.publisher.update_topic(request=request)
    assert dict(broker.publisher.get_topic(topic=topic).labels) == {"colour": "red"}


@pytest.mark.departure("accepts it", "https://docs.cloud.google.com/pubsub/docs/labels")
def test_a_label_with_a_capital_letter_is_refused(subscribe):
    with pytest.raises(InvalidArgument):
        subscribe(labels={"Colour": "red"})


@pytest.mark.parametrize("name", ["ab", "1abc", "goog-topic", "a" * 256, "with space"])
def test_a_topic_of_a_forbidden_name_is_refused(broker, name):
    with pytest.raises(InvalidArgument):
        broker.publisher.create_topic(name=f"{PROJECT}/topics/{name}")


def test_what_is_not_there_is_not_found(broker, name):
    missing_topic = f"{PROJECT}/topics/{name}"
    missing_subscription = f"{PROJECT}/subscriptions/{name}"
    for call in (
        lambda: broker.publisher.delete_topic(topic=missing_topic),
        lambda: broker.publisher.publish(missing_topic, b"x").result(20),
        lambda: broker.subscriber.get_subscription(subscription=missing_subscription),
        lambda: broker.subscriber.delete_subscription(subscription=missing_subscription),
        lambda: broker.subscriber.pull(subscription=missing_subscription, max_messages=1),
        lambda: broker.subscriber.create_subscription(
            name=missing_subscription, topic=missing_topic
        ),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_subscription_is_found_listed_and_deleted(broker, topic, name):
    path = f"{PROJECT}/subscriptions/{name}"
    broker.subscriber.create_subscription(name=path, topic=topic, ack_deadline_seconds=42)
    found = broker.subscriber.get_subscription(subscription=path)
    assert (found.name, found.topic, found.ack_deadline_seconds) == (path, topic, 42)
    listed = broker.subscriber.list_subscriptions(project=PROJECT)
    assert path in [subscription.name for subscription in listed]
    assert list(broker.publisher.list_topic_subscriptions(topic=topic)) == [path]
    with pytest.raises(AlreadyExists):
        broker.subscriber.create_subscription(name=path, topic=topic)
    broker.subscriber.delete_subscription(subscription=path)
    with pytest.raises(NotFound):
        broker.subscriber.get_subscription(subscription=path)


def test_a_subscription_has_productions_defaults(broker, subscribe):
    found = broker.subscriber.get_subscription(subscription=subscribe())
    assert found.ack_deadline_seconds == 10
    assert found.message_retention_duration.total_seconds() == 7 * 24 * 3600
    assert not found.retain_acked_messages
    assert not found.enable_message_ordering


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(9, marks=pytest.mark.departure("accepts 9 seconds", SUBSCRIPTIONS)),
        601,
    ],
)
def test_an_ack_deadline_is_between_10_and_600_seconds(subscribe, seconds):
    with pytest.raises(InvalidArgument):
        subscribe(ack_deadline_seconds=seconds)


@pytest.mark.departure(
    "accepts any number", "https://docs.cloud.google.com/pubsub/docs/dead-letter-topics"
)
@pytest.mark.parametrize("attempts", [4, 101])
def test_a_dead_letter_policy_has_5_to_100_attempts(subscribe, topic, attempts):
    policy = {"dead_letter_topic": topic, "max_delivery_attempts": attempts}
    with pytest.raises(InvalidArgument):
        subscribe(dead_letter_policy=policy)


@pytest.mark.departure(
    "accepts nonsense", "https://docs.cloud.google.com/pubsub/docs/subscription-message-filter"
)
@pytest.mark.parametrize(
    "text", ["nonsense", 'attributes.a = "b', "attributes:a AND", "(", 'a = "b"']
)
def test_an_invalid_filter_is_refused(subscribe, text):
    with pytest.raises(InvalidArgument):
        subscribe(filter=text)


def test_only_the_fields_of_the_mask_are_changed(broker, subscribe):
    path = subscribe(ack_deadline_seconds=20)
    broker.subscriber.update_subscription(
        request={
            "subscription": {
                "name": path,
                "ack_deadline_seconds": 33,
                "retry_policy": {
                    "minimum_backoff": Duration(seconds=3),
                    "maximum_backoff": Duration(seconds=7),
                },
            },
            "update_mask": {"paths": ["retry_policy"]},
        }
    )
    found = broker.subscriber.get_subscription(subscription=path)
    assert found.ack_deadline_seconds == 20
    assert found.retry_policy.minimum_backoff.total_seconds() == 3


@pytest.mark.departure(
    "accepts it", "https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery"
)
def test_a_subscription_that_is_pushed_cannot_deliver_exactly_once(subscribe):
    with pytest.raises(InvalidArgument):
        subscribe(
            push_config={"push_endpoint": "http://127.0.0.1:9/"}, enable_exactly_once_delivery=True
        )


def test_a_push_endpoint_is_given_and_taken_away(broker, subscribe, endpoint):
    path = subscribe()
    config = {"push_endpoint": endpoint.url}
    broker.subscriber.modify_push_config(subscription=path, push_config=config)
    found = broker.subscriber.get_subscription(subscription=path)
    assert found.push_config.push_endpoint == endpoint.url
    broker.subscriber.modify_push_config(subscription=path, push_config={})
    found = broker.subscriber.get_subscription(subscription=path)
    assert found.push_config.push_endpoint == ""


def test_the_subscriptions_of_a_deleted_topic_live_on(broker, name):
    topic, path = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
    broker.publisher.create_topic(name=topic)
    broker.subscriber.create_subscription(name=path, topic=topic)
    broker.publisher.delete_topic(topic=topic)
    assert broker.subscriber.get_subscription(subscription=path).topic == "_deleted-topic_"
    broker.subscriber.delete_subscription(subscription=path)


def test_an_empty_message_is_refused(broker, topic):
    with pytest.raises(InvalidArgument):
        broker.publisher.publish(topic, b"").result(20)


@pytest.mark.parametrize("method", ["Publisher/Publish", "Subscriber/Pull"])
def test_a_request_that_cannot_be_read_is_refused(broker, method):
    with grpc.insecure_channel(broker.address) as channel:
        call = channel.unary_unary(
            f"/google.pubsub.v1.{method}", request_serializer=bytes, response_deserializer=bytes
        )
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"\xff\xff", timeout=20)
    codes = {"embedded": grpc.StatusCode.INVALID_ARGUMENT, "official": grpc.StatusCode.UNKNOWN}
    assert refusal.value.code() == codes[broker.kind]


@pytest.mark.departure(
    "leaves it out",
    "https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription",
)
def test_a_subscription_tells_for_how_long_its_topic_retains_messages(broker, name):
    topic, path = f"{PROJECT}/topics/{name}", f"{PROJECT}/subscriptions/{name}"
    retention = {"message_retention_duration": Duration(seconds=3600)}
    broker.publisher.create_topic(request={"name": topic, **retention})
    broker.subscriber.create_subscription(name=path, topic=topic)
    found = broker.subscriber.get_subscription(subscription=path)
    broker.subscriber.delete_subscription(subscription=path)
    broker.publisher.delete_topic(topic=topic)
    assert found.topic_message_retention_duration.total_seconds() == 3600
