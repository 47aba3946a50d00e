"""Cloud Storage subscriptions of the broker, with fake-gcs-server as Cloud Storage."""

import json
import time
import urllib.request
from urllib.parse import quote

import grpc
import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import CloudStorageConfig, Subscription

from emulator.pubsub import Broker
from tests.storage import BUCKET, serving

PROJECT = "projects/p"
TOPIC = f"{PROJECT}/topics/things"
NAME = f"{PROJECT}/subscriptions/archived"


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("storage")) as storage:
        yield storage


@pytest.fixture
def clients():
    """Return clients of a broker, with the topic."""
    channels = []

    def clients(broker):
        channel = grpc.insecure_channel(broker.address)
        channels.append(channel)
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        return publisher, subscriber

    yield clients
    for channel in channels:
        channel.close()


def blobs(storage, prefix):
    """Return the content of all blobs whose names begin with a prefix, as soon as there are any."""
    end = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"{storage.listing}?prefix={quote(prefix)}") as answer:
            names = [item["name"] for item in json.load(answer).get("items", [])]
        if names or time.monotonic() > end:
            break
        time.sleep(0.05)
    found = {}
    for name in names:
        with urllib.request.urlopen(f"{storage.blob(quote(name, safe=''))}?alt=media") as answer:
            found[name] = answer.read()
    return found


def config(prefix, **fields):
    return {"bucket": BUCKET, "filename_prefix": prefix, "max_bytes": 1_000, **fields}


def test_messages_become_a_blob_and_are_acknowledged(storage, clients):
    with Broker(storage=storage.url) as broker:
        publisher, subscriber = clients(broker)
        publisher.create_topic(name=TOPIC)
        made = subscriber.create_subscription(
            request={
                "name": NAME,
                "topic": TOPIC,
                "cloud_storage_config": config("text/", filename_suffix=".txt"),
            }
        )
        assert made.cloud_storage_config.state == CloudStorageConfig.State.ACTIVE
        messages = [{"data": b"a" * 500}, {"data": b"b" * 500}]
        publisher.publish(request={"topic": TOPIC, "messages": messages})
        [(name, content)] = blobs(storage, "text/").items()
        assert name.endswith(".txt")
        assert content == b"a" * 500 + b"\n" + b"b" * 500
        with pytest.raises(FailedPrecondition, match="not supported for this subscription type"):
            subscriber.pull(subscription=NAME, max_messages=1)


def test_a_subscription_made_over_rest_writes_avro(storage, clients):
    with Broker(storage=storage.url) as broker:
        publisher, _ = clients(broker)
        publisher.create_topic(name=TOPIC)
        request = urllib.request.Request(
            f"http://{broker.address}/v1/{NAME}",
            json.dumps(
                {
                    "topic": TOPIC,
                    "cloudStorageConfig": {
                        "bucket": BUCKET,
                        "filenamePrefix": "avro/",
                        "maxBytes": "1000",
                        "avroConfig": {"writeMetadata": True},
                    },
                }
            ).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request) as answer:
            described = json.load(answer)
        assert described["cloudStorageConfig"]["maxDuration"] == "300s"
        message = {"data": b"d" * 1_000, "attributes": {"colour": "red"}}
        publisher.publish(request={"topic": TOPIC, "messages": [message]})
        [content] = blobs(storage, "avro/").values()
        assert content.startswith(b"Obj\x01")
        assert b"PubsubMessageWithMetadata" in content
        assert NAME.encode() in content
        assert b"\x0ccolour\x06red" in content
        assert b"d" * 1_000 in content


def test_the_config_and_the_messages_survive_a_restart(storage, clients, tmp_path):
    with Broker(data=tmp_path, storage=storage.url) as broker:
        publisher, subscriber = clients(broker)
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(
            request={"name": NAME, "topic": TOPIC, "cloud_storage_config": config("again/")}
        )
        publisher.publish(request={"topic": TOPIC, "messages": [{"data": b"a" * 500}]})
    with Broker(data=tmp_path, storage=storage.url) as broker:
        publisher, subscriber = clients(broker)
        assert subscriber.get_subscription(subscription=NAME).cloud_storage_config.bucket == BUCKET
        publisher.publish(request={"topic": TOPIC, "messages": [{"data": b"b" * 500}]})
        assert list(blobs(storage, "again/").values()) == [b"a" * 500 + b"\n" + b"b" * 500]


def test_a_bucket_that_does_not_exist_is_not_found(storage, clients):
    with Broker(storage=storage.url) as broker:
        publisher, subscriber = clients(broker)
        publisher.create_topic(name=TOPIC)
        missing = {"bucket": "no-such-bucket"}
        with pytest.raises(NotFound, match="no-such-bucket"):
            subscriber.create_subscription(
                request={"name": NAME, "topic": TOPIC, "cloud_storage_config": missing}
            )
        subscriber.create_subscription(name=NAME, topic=TOPIC)
        for field in ("cloud_storage_config", "cloud_storage_config.bucket"):
            with pytest.raises(NotFound, match="no-such-bucket"):
                subscriber.update_subscription(
                    request={
                        "subscription": {"name": NAME, "cloud_storage_config": missing},
                        "update_mask": {"paths": [field]},
                    }
                )
        assert subscriber.get_subscription(subscription=NAME).state == Subscription.State.ACTIVE


def test_without_storage_such_a_subscription_is_refused_with_advice(clients):
    with Broker() as broker:
        publisher, subscriber = clients(broker)
        publisher.create_topic(name=TOPIC)
        with pytest.raises(FailedPrecondition, match="STORAGE_EMULATOR_HOST"):
            subscriber.create_subscription(
                request={"name": NAME, "topic": TOPIC, "cloud_storage_config": config("none/")}
            )
        with pytest.raises(InvalidArgument, match="bucket"):
            subscriber.create_subscription(
                request={"name": NAME, "topic": TOPIC, "cloud_storage_config": {"bucket": ""}}
            )
