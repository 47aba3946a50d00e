"""Makes the topics and subscriptions of a topology in the broker that runs.

Over gRPC with plain messages: importing the client library takes longer than starting the broker.
"""

from collections.abc import Mapping
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

_NOTIFY = "notify"
"""The subscription that pushes finished jobs to the URL of `up --notify`."""

_COMPLETED_TOPIC = "QUICKTHUMB_COMPLETED_TOPIC"
"""The setting in which functions are told where to publish finished jobs."""


def make_resources(
    topology: Topology, addresses: Addresses, endpoints: Mapping[str, str], notify: str | None
) -> None:
    """Make what is missing, and bring existing subscriptions up to date with the topology.

    Args:
        topology: says what there should be.
        addresses: of the broker, and the tokens that functions expect with a push.
        endpoints: URL of each function that takes pushes.
        notify: URL to which finished jobs are pushed; None removes what an earlier run made.

    Raises:
        grpc.RpcError: the broker refused or did not answer.
        InvalidTopology: finished jobs are to be pushed, and no function publishes any.
    """
    with grpc.insecure_channel(addresses.pubsub) as channel:
        for name in topology.topics:
            _created(channel, "Publisher/CreateTopic", protos.Topic(name=topic_path(name)))
        for name, wanted in topology.subscriptions.items():
            subscription = _subscription(name, wanted, endpoints[wanted.push_to])
            if token := addresses.tokens.get(wanted.push_to):
                _sign(subscription, token)
            _make_subscription(channel, subscription)
        if notify:
            _make_subscription(channel, _notification(topology, notify))
        else:
            _delete_subscription(channel, subscription_path(_NOTIFY))


def _make_subscription(channel: grpc.Channel, subscription: Any) -> None:
    if not _created(channel, "Subscriber/CreateSubscription", subscription):
        settings = [
            field.name
            for field, _ in subscription.ListFields()
            if field.name not in ("name", "topic")
        ]
        update = protos.UpdateSubscriptionRequest(
            subscription=subscription, update_mask=FieldMask(paths=settings)
        )
        _call(channel, "Subscriber/UpdateSubscription", update)


def _delete_subscription(channel: grpc.Channel, name: str) -> None:
    request = protos.DeleteSubscriptionRequest(subscription=name)
    try:
        _call(channel, "Subscriber/DeleteSubscription", request)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise


def _notification(topology: Topology, url: str) -> Any:
    topic = topology.topic_in(_COMPLETED_TOPIC)
    if topic is None:
        raise InvalidTopology(f"--notify {url}: no function is given {_COMPLETED_TOPIC}")
    # Retried soon, since whoever is developing a webhook restarts it often.
    wanted = Subscription(
        topic,
        push_to="",
        ack_deadline_seconds=30,
        minimum_backoff_seconds=1,
        maximum_backoff_seconds=60,
    )
    subscription = _subscription(_NOTIFY, wanted, url)
    _sign(subscription, PushToken(NOTIFIER, url))
    return subscription


def _subscription(name: str, wanted: Subscription, endpoint: str) -> Any:
    subscription = protos.Subscription(
        name=subscription_path(name),
        topic=topic_path(wanted.topic),
        push_config={"push_endpoint": endpoint},
        ack_deadline_seconds=wanted.ack_deadline_seconds,
        retry_policy={
            "minimum_backoff": Duration(seconds=wanted.minimum_backoff_seconds),
            "maximum_backoff": Duration(seconds=wanted.maximum_backoff_seconds),
        },
    )
    if wanted.dead_letter:
        policy = subscription.dead_letter_policy
        policy.dead_letter_topic = topic_path(wanted.dead_letter.topic)
        policy.max_delivery_attempts = wanted.dead_letter.max_delivery_attempts
    return subscription


def _sign(subscription: Any, token: PushToken) -> None:
    """Have the broker send a token with every push."""
    oidc = subscription.push_config.oidc_token
    oidc.service_account_email, oidc.audience = token.account, token.audience


def _created(channel: grpc.Channel, method: str, resource: Any) -> bool:
    """Make a resource; return whether it did not exist yet."""
    try:
        _call(channel, method, resource)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True


def _call(channel: grpc.Channel, method: str, request: Any) -> None:
    """Make a call, and ignore its answer: it is the resource that was sent."""
    call = channel.unary_unary(
        f"/google.pubsub.v1.{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=bytes,
    )
    call(request, timeout=_TIMEOUT, wait_for_ready=True)
