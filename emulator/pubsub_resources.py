"""Makes the topics and subscriptions of the topology, in whichever broker runs."""

import os
from collections.abc import Mapping

from google.api_core.exceptions import AlreadyExists
from google.cloud import pubsub_v1
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.topology import Subscription, Topology

_TIMEOUT = 10.0  # seconds for each call


def make_resources(
    topology: Topology, project: str, broker: str, endpoints: Mapping[str, str]
) -> None:
    """Make what is missing, and bring subscriptions that are there to what the topology says.

    Args:
        topology: says what there should be.
        project: that owns it.
        broker: its address, host:port.
        endpoints: URL of each function.
    """
    os.environ["PUBSUB_EMULATOR_HOST"] = broker  # the client library takes it from nowhere else
    with pubsub_v1.PublisherClient() as publisher:
        for topic in topology.topics:
            try:
                publisher.create_topic(name=topic_path(project, topic), timeout=_TIMEOUT)
            except AlreadyExists:
                continue
    with pubsub_v1.SubscriberClient() as subscriber:
        for name, subscription in topology.subscriptions.items():
            _make_subscription(subscriber, project, name, subscription, endpoints)


def topic_path(project: str, topic: str) -> str:
    """Return the full name of a topic."""
    return f"projects/{project}/topics/{topic}"


def _make_subscription(
    subscriber: pubsub_v1.SubscriberClient,
    project: str,
    name: str,
    subscription: Subscription,
    endpoints: Mapping[str, str],
) -> None:
    request = {
        "name": f"projects/{project}/subscriptions/{name}",
        "topic": topic_path(project, subscription.topic),
        "push_config": {"push_endpoint": endpoints[subscription.push_to]},
        "ack_deadline_seconds": subscription.ack_deadline_seconds,
        "retry_policy": {
            "minimum_backoff": Duration(seconds=subscription.minimum_backoff_seconds),
            "maximum_backoff": Duration(seconds=subscription.maximum_backoff_seconds),
        },
    }
    if subscription.dead_letter:
        request["dead_letter_policy"] = {
            "dead_letter_topic": topic_path(project, subscription.dead_letter.topic),
            "max_delivery_attempts": subscription.dead_letter.max_delivery_attempts,
        }
    try:
        subscriber.create_subscription(request=request, timeout=_TIMEOUT)
    except AlreadyExists:
        mask = FieldMask(paths=[path for path in request if path not in ("name", "topic")])
        subscriber.update_subscription(
            request={"subscription": request, "update_mask": mask}, timeout=_TIMEOUT
        )
