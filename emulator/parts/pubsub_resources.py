"""Makes the topics and subscriptions of the topology, in whichever broker runs.

Over gRPC with plain messages: importing the client library takes longer than starting the broker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from emulator.parts.tokens import NO_TOKENS, PushToken
from emulator.pubsub import protos
from emulator.topology import Subscription, Topology

_TIMEOUT = 10.0  # seconds for each call

_NOTIFY = "notify"
"""The subscription that pushes finished jobs to whoever `up --notify` names."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom to tell of finished jobs.

    Attributes:
        url: where to push.
        account: as whom the pushes are signed, an e-mail address.
    """

    url: str
    account: str


def make_resources(
    topology: Topology,
    project: str,
    broker: str,
    endpoints: Mapping[str, str],
    tokens: Mapping[str, PushToken] = NO_TOKENS,
    listener: Listener | None = None,
) -> None:
    """Make what is missing, and bring subscriptions that are there to what the topology says.

    Args:
        topology: says what there should be.
        project: that owns it.
        broker: its address, host:port.
        endpoints: URL of each function.
        tokens: what functions want with a push, where they want any.
        listener: who is told of finished jobs; None takes one away that was there before.

    Raises:
        grpc.RpcError: the broker refused or did not answer.
    """
    with grpc.insecure_channel(broker) as channel:
        for name in topology.topics:
            topic = protos.Topic(name=topic_path(project, name))
            _created(channel, "Publisher/CreateTopic", topic)
        for name, wanted in topology.subscriptions.items():
            subscription = _subscription(project, name, wanted, endpoints)
            if token := tokens.get(wanted.push_to):
                oidc = subscription.push_config.oidc_token
                oidc.service_account_email, oidc.audience = token.account, token.audience
            _make_subscription(channel, subscription)
        if listener:
            _make_subscription(channel, _notification(project, listener))
        else:
            _delete_subscription(channel, subscription_path(project, _NOTIFY))


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


def topic_path(project: str, topic: str) -> str:
    """Return the full name of a topic."""
    return f"projects/{project}/topics/{topic}"


def subscription_path(project: str, subscription: str) -> str:
    """Return the full name of a subscription."""
    return f"projects/{project}/subscriptions/{subscription}"


def _notification(project: str, listener: Listener) -> Any:
    return protos.Subscription(
        name=subscription_path(project, _NOTIFY),
        topic=topic_path(project, "completed"),
        push_config={
            "push_endpoint": listener.url,
            "oidc_token": {"service_account_email": listener.account, "audience": listener.url},
        },
        ack_deadline_seconds=30,
        # Short, since whoever is at work on a webhook restarts it all the time.
        retry_policy={
            "minimum_backoff": Duration(seconds=1),
            "maximum_backoff": Duration(seconds=60),
        },
    )


def _subscription(
    project: str, name: str, wanted: Subscription, endpoints: Mapping[str, str]
) -> Any:
    subscription = protos.Subscription(
        name=subscription_path(project, name),
        topic=topic_path(project, wanted.topic),
        push_config={"push_endpoint": endpoints[wanted.push_to]},
        ack_deadline_seconds=wanted.ack_deadline_seconds,
        retry_policy={
            "minimum_backoff": Duration(seconds=wanted.minimum_backoff_seconds),
            "maximum_backoff": Duration(seconds=wanted.maximum_backoff_seconds),
        },
    )
    if wanted.dead_letter:
        policy = subscription.dead_letter_policy
        policy.dead_letter_topic = topic_path(project, wanted.dead_letter.topic)
        policy.max_delivery_attempts = wanted.dead_letter.max_delivery_attempts
    return subscription


def _created(channel: grpc.Channel, method: str, resource: Any) -> bool:
    """Make a resource; tell whether it was not there yet."""
    try:
        _call(channel, method, resource)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
        return False
    return True


def _call(channel: grpc.Channel, method: str, request: Any) -> None:
    """Make a call whose answer tells nothing new: it is the resource that was sent."""
    call = channel.unary_unary(
        f"/google.pubsub.v1.{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=bytes,
    )
    call(request, timeout=_TIMEOUT, wait_for_ready=True)
