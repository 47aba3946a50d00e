"""What a topology can have that the project's own may not use, run by the emulator."""

import json
import re

import pytest
import requests
import yaml
from google.cloud import pubsub_v1

from emulator.client import Client
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.errors import StorageUnusable
from emulator.project import PROJECT
from emulator.topology_file import TOPOLOGY, read_topology
from tests.conformance.endpoint import listening
from tests.e2e.conftest import BROKERS, need
from tests.pictures import ROCKET


def topology(folder, **sections):
    """Return the project's topology without functions, and with these sections."""
    document = yaml.safe_load(TOPOLOGY.read_text())
    document |= {"functions": {}, "subscriptions": {}, "schedules": {}, "environment": {}}
    file = folder / "topology.yaml"
    file.write_text(yaml.safe_dump(document | sections))
    return read_topology(file)


@pytest.mark.parametrize("broker", BROKERS)
def test_a_bucket_tells_of_new_blobs_below_its_prefix(tmp_path, monkeypatch, broker):
    need(broker)
    notify = {"topic": "told", "prefix": "incoming/"}
    sections = {"buckets": {"inbox": {"notify": notify}, "other": {}}, "topics": {"told": {}}}
    cloud = Cloud(topology(tmp_path, **sections), tmp_path / "data", Console(), broker=broker)
    with cloud:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", cloud.addresses.pubsub)
        with pubsub_v1.SubscriberClient() as subscriber:
            path = subscriber.subscription_path(PROJECT, "reader")
            name = f"projects/{PROJECT}/topics/told"
            subscriber.create_subscription(name=path, topic=name, timeout=20)
            for bucket, blob in [
                ("inbox", "elsewhere"),
                ("other", "incoming/a"),
                ("inbox", "incoming/b"),
            ]:
                url = f"{cloud.addresses.storage}/upload/storage/v1/b/{PROJECT}-{bucket}/o"
                query = {"uploadType": "media", "name": blob}
                requests.post(url, params=query, data=b"x", timeout=20).raise_for_status()
            answer = subscriber.pull(subscription=path, max_messages=10, timeout=30)
    (received,) = answer.received_messages  # the last blob alone
    attributes = received.message.attributes
    assert attributes["eventType"] == "OBJECT_FINALIZE"
    assert attributes["bucketId"] == f"{PROJECT}-inbox"
    assert attributes["objectId"] == "incoming/b"
    assert int(attributes["objectGeneration"]) > 0


def test_two_buckets_with_notifications_are_refused(tmp_path):
    notify = {"topic": "told", "prefix": ""}
    sections = {"buckets": {"a": {"notify": notify}, "b": {"notify": notify}}}
    told = topology(tmp_path, **sections, topics={"told": {}})
    with pytest.raises(StorageUnusable, match="Buckets a, b each notify a topic"):
        Cloud(told, tmp_path / "data", Console())


def test_a_topology_with_other_names_makes_thumbnails_and_tells_of_them(tmp_path):
    """The entry points are names of the code, and stay."""
    text = TOPOLOGY.read_text()
    for name in ("upload", "resize", "bury", "sweep", "originals", "processed", "requests"):
        text = re.sub(rf"\b{name}\b(?!/)", f"the-{name}", text)
    for name in ("uploads", "completed", "dead"):
        text = re.sub(rf"(topic: |^  ){name}\b", rf"\1the-{name}", text, flags=re.M)
    text = re.sub("entry_point: the-", "entry_point: ", text)
    file = tmp_path / "topology.yaml"
    file.write_text(text)
    with listening() as endpoint:
        cloud = Cloud(read_topology(file), tmp_path / "data", Console(), notify=endpoint.url)
        with cloud:
            assert cloud.addresses.upload == cloud.addresses.functions["the-upload"]
            client = Client(cloud.addresses.upload)
            id = client.upload(ROCKET, {"sizes": "64"})
            assert client.wait(id, 60)["status"] == "done"
            (push,) = endpoint.wait(1)
    assert json.loads(push.data)["id"] == id
