"""The gRPC service `google.pubsub.v1.Publisher`."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.pubsub import protos
from emulator.pubsub.doors import calls
from emulator.pubsub.doors.paging import page
from emulator.pubsub.rules import names, wire
from emulator.pubsub.rules.broker import Broker
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import InvalidArgument

NAME = "google.pubsub.v1.Publisher"

# https://docs.cloud.google.com/pubsub/quotas#resource_limits
MAX_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024


class PublisherService:
    """Topics, and publishing to them."""

    def __init__(
        self,
        broker: Broker,
        catalogue: Catalogue,
        clock: Callable[[], float],
        journaled: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """Serve a broker.

        Args:
            broker: Gets the messages.
            catalogue: Has the topics.
            clock: Seconds since the epoch.
            journaled: Encloses a change: it begins only if the change can be written down, and
                ends when that is done.
        """
        self._broker = broker
        self._catalogue = catalogue
        self._clock = clock
        self._journaled = journaled

    def methods(self) -> dict[str, calls.Method]:
        """Return the methods of the service by name."""
        return {
            "CreateTopic": calls.unary(protos.Topic, self.create_topic),
            "UpdateTopic": calls.unary(protos.UpdateTopicRequest, self.update_topic),
            "Publish": calls.unary(protos.PublishRequest, self.publish),
            "GetTopic": calls.unary(protos.GetTopicRequest, self.get_topic),
            "ListTopics": calls.unary(protos.ListTopicsRequest, self.list_topics),
            "ListTopicSubscriptions": calls.unary(
                protos.ListTopicSubscriptionsRequest, self.list_topic_subscriptions
            ),
            "ListTopicSnapshots": calls.unary(
                protos.ListTopicSnapshotsRequest, self.list_topic_snapshots
            ),
            "DeleteTopic": calls.unary(protos.DeleteTopicRequest, self.delete_topic),
            "DetachSubscription": calls.unary(
                protos.DetachSubscriptionRequest, self.detach_subscription
            ),
        }

    async def create_topic(self, topic: Any) -> Any:
        """Answer `CreateTopic`."""
        async with self._journaled():
            return self._catalogue.create_topic(topic)

    async def update_topic(self, request: Any) -> Any:
        """Answer `UpdateTopic`."""
        async with self._journaled():
            return self._catalogue.update_topic(request.topic, request.update_mask)

    async def publish(self, request: Any) -> Any:
        """Answer `Publish`: with the ids of the messages, once they are safe."""
        topic = self._broker.topic(names.check("topics", request.topic)).name
        drafts = request.messages
        _check_drafts(drafts, request.ByteSize())
        async with self._journaled():
            messages = wire.stamp(drafts, self._broker.new_ids(len(drafts)), self._clock())
            self._broker.publish(topic, messages)
        return protos.PublishResponse(message_ids=[str(message.id) for message in messages])

    def get_topic(self, request: Any) -> Any:
        """Answer `GetTopic`."""
        return self._catalogue.topic(request.topic)

    def list_topics(self, request: Any) -> Any:
        """Answer `ListTopics`."""
        topics, token = page(
            self._catalogue.topics(request.project),
            lambda topic: str(topic.name),
            request.page_size,
            request.page_token,
        )
        return protos.ListTopicsResponse(topics=topics, next_page_token=token)

    def list_topic_subscriptions(self, request: Any) -> Any:
        """Answer `ListTopicSubscriptions`."""
        subscriptions, token = page(
            self._catalogue.subscriptions_of_topic(request.topic),
            lambda name: name,
            request.page_size,
            request.page_token,
        )
        return protos.ListTopicSubscriptionsResponse(
            subscriptions=subscriptions, next_page_token=token
        )

    def list_topic_snapshots(self, request: Any) -> Any:
        """Answer `ListTopicSnapshots`."""
        snapshots, token = page(
            self._catalogue.snapshots_of_topic(request.topic),
            lambda name: name,
            request.page_size,
            request.page_token,
        )
        return protos.ListTopicSnapshotsResponse(snapshots=snapshots, next_page_token=token)

    async def delete_topic(self, request: Any) -> Any:
        """Answer `DeleteTopic`."""
        async with self._journaled():
            self._catalogue.delete_topic(request.topic)
        return Empty()

    async def detach_subscription(self, request: Any) -> Any:
        """Answer `DetachSubscription`."""
        async with self._journaled():
            self._catalogue.detach_subscription(request.subscription)
        return protos.DetachSubscriptionResponse()


def _check_drafts(drafts: Any, request_bytes: int) -> None:
    """Refuse a publish request that breaks a limit.

    Raises:
        InvalidArgument: Says which limit, and by how much.
    """
    if not drafts:
        raise InvalidArgument(
            "The value for message_count is too small. You passed 0 in the request, but the"
            " minimum value is 1."
        )
    _at_most("message_count", len(drafts), MAX_MESSAGES)
    _at_most("request_size", request_bytes, MAX_REQUEST_BYTES)
    ordering_key = drafts[0].ordering_key
    _at_most("ordering_key_length", len(ordering_key.encode()), MAX_ORDERING_KEY_BYTES)
    for draft in drafts:
        if draft.ordering_key != ordering_key:
            raise InvalidArgument(
                "In a single publish request, all messages must have no ordering key or they must"
                " all have the same ordering key."
            )
        if draft.attributes:
            _check_attributes(draft.attributes)
        elif not draft.data:
            raise InvalidArgument(
                "One or more messages in the publish request is empty. Each message must contain"
                " either non-empty data, or at least one attribute."
            )


def _check_attributes(attributes: Any) -> None:
    _at_most("attribute_count", len(attributes), MAX_ATTRIBUTES)
    for key, value in attributes.items():
        if not key:
            raise InvalidArgument("The key of an attribute is empty. It must not be.")
        _at_most("attribute_key_length", len(key.encode()), MAX_KEY_BYTES)
        _at_most("attribute_value_length", len(value.encode()), MAX_VALUE_BYTES)


def _at_most(name: str, value: int, maximum: int) -> None:
    if value > maximum:
        raise InvalidArgument(
            f"The value for {name} is too large. You passed {value} in the request, but the"
            f" maximum value is {maximum}."
        )
