"""Snapshots: made, found, changed, deleted, and sought to."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, NotFound
from google.pubsub_v1 import PublisherClient

from tests.conformance.brokers import PROJECT

REPLAY = "https://docs.cloud.google.com/pubsub/docs/replay-overview"


@pytest.fixture
def snapshot(broker, name):
    path = f"{PROJECT}/snapshots/{name}"
    yield path
    with suppress(NotFound):
        broker.subscriber.delete_snapshot(snapshot=path)


def test_a_snapshot_is_made_found_listed_and_deleted(broker, topic, subscribe, snapshot):
    subscriber = broker.subscriber
    made = subscriber.create_snapshot(
        request={"name": snapshot, "subscription": subscribe(), "labels": {"colour": "red"}}
    )
    assert (made.name, made.topic) == (snapshot, topic)
    week = datetime.now(UTC) + timedelta(days=7)
    assert abs(made.expire_time - week) < timedelta(minutes=5)
    assert subscriber.get_snapshot(snapshot=snapshot) == made
    assert snapshot in [found.name for found in subscriber.list_snapshots(project=PROJECT)]
    assert list(broker.publisher.list_topic_snapshots(topic=topic)) == [snapshot]
    subscriber.delete_snapshot(snapshot=snapshot)
    with pytest.raises(NotFound):
        subscriber.get_snapshot(snapshot=snapshot)


def test_a_snapshot_is_made_once(broker, subscribe, snapshot):
    subscription = subscribe()
    broker.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    with pytest.raises(AlreadyExists):
        broker.subscriber.create_snapshot(name=snapshot, subscription=subscription)


def test_a_snapshot_of_nothing_is_not_found(broker, snapshot, name):
    missing = f"{PROJECT}/subscriptions/{name}"
    with pytest.raises(NotFound):
        broker.subscriber.create_snapshot(name=snapshot, subscription=missing)


@pytest.mark.departure("does not update snapshots", REPLAY)
def test_the_labels_of_a_snapshot_are_changed(broker, subscribe, snapshot):
    broker.subscriber.create_snapshot(name=snapshot, subscription=subscribe())
    request = {
        "snapshot": {"name": snapshot, "labels": {"colour": "blue"}},
        "update_mask": {"paths": ["labels"]},
    }
    broker.subscriber.update_snapshot(request=request)
    assert dict(broker.subscriber.get_snapshot(snapshot=snapshot).labels) == {"colour": "blue"}


def test_seek_to_a_snapshot_brings_back_what_was_not_acknowledged_then(
    broker, topic, subscribe, publish, pull, nothing_comes, snapshot
):
    subscription = subscribe()

    def take(count):
        received = pull(subscription, count)
        broker.subscriber.acknowledge(
            subscription=subscription, ack_ids=[item.ack_id for item in received]
        )
        return sorted(item.message.data for item in received)

    publish(b"before")
    take(1)
    publish(b"unacknowledged")
    broker.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    # Plainly later than the snapshot.
    PublisherClient.publish(broker.publisher, topic=topic, messages=[{"data": b"since"}])
    take(2)
    nothing_comes(subscription)
    broker.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert take(2) == [b"since", b"unacknowledged"]
