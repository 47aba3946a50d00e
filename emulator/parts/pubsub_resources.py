"""Creates the topics and subscriptions of a topology in the running broker.

It uses gRPC directly: importing the client library takes longer than starting the broker.
"""

from collections.abc import Container, Mapping
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.errors import InvalidTopology
from emulator.parts.tokens import PushToken
from emulator.project import NOTIFIER, subscription_path, topic_path
from emulator.pubsub import protos
from emulator.running import Addresses
from emulator.topology import Subscription, Topology

_TIMEOUT = 10.0  # seconds for each call

NOTIFY = "notify"
"""The subscription that pushes finished jobs to the URL of `up --notify`."""

_COMPLETED_TOPIC = "QUICKTHUMB_COMPLETED_TOPIC"
"""The variable with the topic of finished jobs."""


_LABELS = {"made-from": "topology"}
"""Mark the subscriptions that are deleted when they are no longer in the topology."""


def make_resources(
    topology: Topology,
    addresses: Addresses,
    endpoints: Mapping[str, str],
    notify: str | None,
    letters: Mapping[str, str] | None = None,
    paused: Container[str] = (),
) -> None:
    """Create what is missing, update existing subscriptions, and delete those of an earlier file.

    Subscriptions that others created stay.

    Args:
        topology: what there should be.
        addresses: of the broker, and the tokens that functions require.
        endpoints: URL to which each subscription pushes.
        notify: URL to push finished jobs to, if any.
        letters: topic of dead letters, by name of a subscription that keeps them to be looked at.
        paused: names of subscriptions that keep their messages for now.

    Raises:
        grpc.RpcError: the broker refused or did not answer.
        InvalidTopology: `notify` is set, but no function publishes finished jobs.
    """
    exists = grpc.StatusCode.ALREADY_EXISTS
    project = topology.project
    with grpc.insecure_channel(addresses.pubsub) as channel:
        for name in topology.topics:
            topic = protos.Topic(name=topic_path(name, project))
            _call(channel, "Publisher/CreateTopic", topic, tolerated=exists)
        wanted = push_subscriptions(topology, addresses, endpoints, notify)
        for name, topic in (letters or {}).items():
            wanted[name] = _keeping(name, topic, project)
        for name in _made_earlier(channel, project) - {each.name for each in wanted.values()}:
            _delete(channel, name)
        for subscription in wanted.values():
            if subscription.name.rpartition("/")[2] in paused:
                subscription.push_config.Clear()
            if _call(channel, "Subscriber/CreateSubscription", subscription, tolerated=exists):
                continue
            settings = {field.name for field, _ in subscription.ListFields()} - {"name", "topic"}
            settings |= {"push_config"}  # also if it is empty
            update = protos.UpdateSubscriptionRequest(
                subscription=subscription, update_mask=FieldMask(paths=sorted(settings))
            )
            _call(channel, "Subscriber/UpdateSubscription", update)


def push_subscriptions(
    topology: Topology, addresses: Addresses, endpoints: Mapping[str, str], notify: str | None
) -> dict[str, Any]:
    """Return the `Subscription`s that push, by short name; see `make_resources`.

    Raises:
        InvalidTopology: `notify` is set, but no function publishes finished jobs.
    """
    wanted = {
        name: _subscription(
            *(name, each, endpoints[name], addresses.tokens.get(each.push_to), topology.project)
        )
        for name, each in topology.subscriptions.items()
    }
    if notify:
        wanted[NOTIFY] = _notification(topology, notify)
    return wanted


def _keeping(name: str, topic: str, project: str) -> Any:
    """Return a `Subscription` that keeps the messages of a topic."""
    return protos.Subscription(
        name=subscription_path(name, project),
        topic=topic_path(topic, project),
        labels=_LABELS,
        ack_deadline_seconds=60,
    )


def _made_earlier(channel: grpc.Channel, project: str) -> set[str]:
    """Return the full names of the subscriptions that a topology has led to."""
    found, token = set(), ""
    while True:
        request = protos.ListSubscriptionsRequest(project=f"projects/{project}", page_token=token)
        answer = protos.ListSubscriptionsResponse.FromString(
            _answer(channel, "Subscriber/ListSubscriptions", request)
        )
        found |= {each.name for each in answer.subscriptions if each.labels == _LABELS}
        token = answer.next_page_token
        if not token:
            return found


def _delete(channel: grpc.Channel, subscription: str) -> None:
    request = protos.DeleteSubscriptionRequest(subscription=subscription)
    missing = grpc.StatusCode.NOT_FOUND
    _call(channel, "Subscriber/DeleteSubscription", request, tolerated=missing)


def _notification(topology: Topology, url: str) -> Any:
    topic = topology.topic_in(_COMPLETED_TOPIC)
    if topic is None:
        raise InvalidTopology(f"--notify {url}: no function has the variable {_COMPLETED_TOPIC}")
    # Retried soon, since a webhook in development is often restarted.
    wanted = Subscription(
        topic,
        push_to="",
        ack_deadline_seconds=30,
        minimum_backoff_seconds=1,
        maximum_backoff_seconds=60,
    )
    return _subscription(NOTIFY, wanted, url, PushToken(NOTIFIER, url), topology.project)


def _subscription(
    name: str, wanted: Subscription, endpoint: str, token: PushToken | None, project: str
) -> Any:
    subscription = protos.Subscription(
        name=subscription_path(name, project),
        topic=topic_path(wanted.topic, project),
        labels=_LABELS,
        push_config={"push_endpoint": endpoint},
        ack_deadline_seconds=wanted.ack_deadline_seconds,
        retry_policy={
            "minimum_backoff": Duration(seconds=wanted.minimum_backoff_seconds),
            "maximum_backoff": Duration(seconds=wanted.maximum_backoff_seconds),
        },
    )
    if wanted.dead_letter:
        policy = subscription.dead_letter_policy
        policy.dead_letter_topic = topic_path(wanted.dead_letter.topic, project)
        policy.max_delivery_attempts = wanted.dead_letter.max_delivery_attempts
    if token:
        oidc = subscription.push_config.oidc_token
        oidc.service_account_email, oidc.audience = token.account, token.audience
    return subscription


def _call(
    channel: grpc.Channel, method: str, request: Any, tolerated: grpc.StatusCode | None = None
) -> bool:
    """Make a call and ignore its answer; return False if it failed with a tolerated status."""
    try:
        _answer(channel, method, request)
    except grpc.RpcError as error:
        if error.code() != tolerated:
            raise
        return False
    return True


def _answer(channel: grpc.Channel, method: str, request: Any) -> bytes:
    call = channel.unary_unary(
        f"/google.pubsub.v1.{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=bytes,
    )
    answer: bytes = call(request, timeout=_TIMEOUT, wait_for_ready=True)
    return answer
