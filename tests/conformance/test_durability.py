"""What the embedded broker keeps after `kill -9`. Google's emulator loses everything."""

import random
import threading
from contextlib import suppress

import pytest
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient

from emulator.ports import free_port
from tests.conformance.brokers import PROJECT, running, schema_client
from tests.conformance.endpoint import eventually, listening

TOPIC = f"{PROJECT}/topics/durable"
MESSAGES = 5_000
RETRY = {
    "minimum_backoff": Duration(nanos=50_000_000),
    "maximum_backoff": Duration(nanos=100_000_000),
}


def make(broker, name, **settings):
    broker.subscriber.create_subscription(
        request={"name": f"{PROJECT}/subscriptions/{name}", "topic": TOPIC, **settings}
    )


def test_every_answered_publish_survives_a_kill_and_is_delivered(tmp_path):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    print(f"seed {seed}")
    answered: set[bytes] = set()
    port = free_port()
    with listening() as everything, listening() as nothing:
        everything.answer = lambda push: 500 if chance.random() < 0.1 else 204
        with running("embedded", port=port, data=tmp_path) as broker:
            broker.publisher.create_topic(name=TOPIC)
            push = {"push_endpoint": everything.url}
            make(broker, "all", push_config=push, retry_policy=RETRY, enable_message_ordering=True)
            make(broker, "none", push_config={"push_endpoint": nothing.url}, filter="attributes:x")
            killer = threading.Timer(chance.uniform(0.3, 0.8), broker.process.kill)
            killer.start()
            publish_until_it_dies(broker, answered)
            killer.join()
        assert 0 < len(answered) < MESSAGES, "the kill missed the middle of the publishing"
        with running("embedded", port=port, data=tmp_path) as broker:
            publish_the_rest(broker, answered)
            eventually(lambda: answered <= {push.data for push in everything.pushes}, 60)
        assert not nothing.pushes
        check_order(everything.pushes)


def batches():
    for start in range(0, MESSAGES, 10):
        # Every other batch belongs to one of five ordering keys.
        key = f"key{start // 20 % 5}" if start // 10 % 2 else ""
        yield [
            {"data": f"{key}:{number}".encode(), "ordering_key": key}
            for number in range(start, start + 10)
        ]


def publish_until_it_dies(broker, answered):
    with suppress(GoogleAPICallError):
        for messages in batches():
            PublisherClient.publish(
                broker.publisher, topic=TOPIC, messages=messages, retry=None, timeout=5
            )
            answered |= {message["data"] for message in messages}


def publish_the_rest(broker, answered):
    for messages in batches():
        if messages[0]["data"] not in answered:
            PublisherClient.publish(broker.publisher, topic=TOPIC, messages=messages, timeout=20)
            answered |= {message["data"] for message in messages}


def check_order(pushes):
    """See that the first delivery of each message of a key comes after those before it."""
    firsts: dict[str, list[int]] = {}
    for data in dict.fromkeys(push.data.decode() for push in pushes):
        key, _, number = data.partition(":")
        if key:
            firsts.setdefault(key, []).append(int(number))
    assert len(firsts) == 5
    for numbers in firsts.values():
        assert numbers == sorted(numbers)


def test_what_was_acknowledged_before_a_stop_does_not_come_after_it(tmp_path):
    with running("embedded", data=tmp_path) as broker:
        broker.publisher.create_topic(name=TOPIC)
        make(broker, "pulled")
        for data in (b"done", b"waits"):
            broker.publisher.publish(TOPIC, data).result(20)
        path = f"{PROJECT}/subscriptions/pulled"
        received = broker.subscriber.pull(subscription=path, max_messages=2).received_messages
        ids = [item.ack_id for item in received if item.message.data == b"done"]
        broker.subscriber.acknowledge(subscription=path, ack_ids=ids)
    with running("embedded", data=tmp_path) as broker:
        received = broker.subscriber.pull(subscription=path, max_messages=2).received_messages
        assert [item.message.data for item in received] == [b"waits"]


def acknowledge(broker, path, ids):
    broker.subscriber.acknowledge(subscription=path, ack_ids=ids)


def acknowledge_in_a_stream(broker, path, ids):
    hang_up = threading.Event()

    def requests():
        yield {"subscription": path, "stream_ack_deadline_seconds": 10}
        yield {"ack_ids": ids}
        hang_up.wait(20)

    responses = broker.subscriber.streaming_pull(requests=requests(), timeout=20)
    confirmed = next(iter(responses)).acknowledge_confirmation.ack_ids
    hang_up.set()
    assert confirmed == ids


@pytest.mark.parametrize("how", [acknowledge, acknowledge_in_a_stream])
def test_what_was_acknowledged_exactly_once_does_not_come_after_a_kill(tmp_path, how):
    path = f"{PROJECT}/subscriptions/pulled"
    with running("embedded", data=tmp_path) as broker:
        broker.publisher.create_topic(name=TOPIC)
        make(broker, "pulled", enable_exactly_once_delivery=True)
        broker.publisher.publish(TOPIC, b"done").result(20)
        received = broker.subscriber.pull(subscription=path, max_messages=1).received_messages
        how(broker, path, [item.ack_id for item in received])
        broker.process.kill()
    with running("embedded", data=tmp_path) as broker:
        broker.publisher.publish(TOPIC, b"waits").result(20)
        received = broker.subscriber.pull(subscription=path, max_messages=2).received_messages
        assert [item.message.data for item in received] == [b"waits"]


def test_message_ids_are_not_used_again_after_a_kill(tmp_path):
    seen = []
    for start in range(2):
        with running("embedded", data=tmp_path) as broker:
            if start == 0:
                broker.publisher.create_topic(name=TOPIC)
            seen += [int(broker.publisher.publish(TOPIC, b"x").result(20)) for _ in range(3)]
            broker.process.kill()
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("keep", [True, False])
def test_without_a_data_folder_nothing_is_kept(tmp_path, keep):
    for start in range(2):
        with running("embedded", data=tmp_path if keep else None) as broker:
            topics = [topic.name for topic in broker.publisher.list_topics(project=PROJECT)]
            assert topics == ([TOPIC] if start and keep else [])
            if start == 0:
                broker.publisher.create_topic(name=TOPIC)


def test_schemas_and_policies_of_access_survive_a_kill(tmp_path):
    path = f"{PROJECT}/schemas/durable"
    schema = {"type_": "AVRO", "definition": '"string"'}
    policy = {"bindings": [{"role": "roles/pubsub.viewer", "members": ["allUsers"]}]}
    with running("embedded", data=tmp_path) as broker, schema_client(broker) as service:
        first = service.create_schema(parent=PROJECT, schema=schema, schema_id="durable")
        second = service.commit_schema(name=path, schema=schema)
        settings = {"schema": path, "encoding": "JSON", "last_revision_id": first.revision_id}
        broker.publisher.create_topic(request={"name": TOPIC, "schema_settings": settings})
        make(broker, "durable")
        broker.publisher.set_iam_policy(request={"resource": TOPIC, "policy": policy})
        PublisherClient.publish(broker.publisher, topic=TOPIC, messages=[{"data": b'"a"'}])
        broker.process.kill()
    with running("embedded", data=tmp_path) as broker, schema_client(broker) as service:
        everything = {"name": path, "view": "FULL"}
        assert list(service.list_schema_revisions(everything)) == [first, second]
        [binding] = broker.publisher.get_iam_policy(request={"resource": TOPIC}).bindings
        assert binding.members == ["allUsers"]
        with pytest.raises(InvalidArgument):
            PublisherClient.publish(broker.publisher, topic=TOPIC, messages=[{"data": b"a"}])
        [received] = broker.subscriber.pull(
            subscription=f"{PROJECT}/subscriptions/durable", max_messages=1
        ).received_messages
        assert received.message.attributes["googclient_schemarevisionid"] == first.revision_id
