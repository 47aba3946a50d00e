"""The gRPC service `google.pubsub.v1.Publisher`."""

from functools import partial
from typing import Any

from emulator.pubsub import protos
from emulator.pubsub.doors import calls
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.paging import paged
from emulator.pubsub.doors.schemas import aside
from emulator.pubsub.rules.errors import InvalidArgument
from emulator.pubsub.rules.limits import check_value
from emulator.pubsub.rules.schemas.topics import accepted, admit

NAME = "google.pubsub.v1.Publisher"

# https://docs.cloud.google.com/pubsub/quotas#resource_limits
MAX_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024


def methods(backend: Backend) -> dict[str, calls.Unary]:
    """Return the methods of the service by name."""
    topics = backend.catalogue
    reading: dict[str, calls.Handler] = {
        "Publish": partial(_publish, backend),
        "GetTopic": lambda request: topics.topic(request.topic),
    }
    listing = {
        "ListTopics": lambda request: topics.topics(request.project),
        "ListTopicSubscriptions": lambda request: topics.subscriptions_of_topic(request.topic),
        "ListTopicSnapshots": lambda request: topics.snapshots_of_topic(request.topic),
    }
    changing: dict[str, calls.Handler] = {
        "CreateTopic": topics.create_topic,
        "UpdateTopic": lambda request: topics.update_topic(request.topic, request.update_mask),
        "DeleteTopic": lambda request: topics.delete_topic(request.topic),
        "DetachSubscription": lambda request: topics.detach_subscription(request.subscription),
    }
    return calls.unary(reading | paged(listing)) | calls.unary(changing, backend.journaled)


async def _publish(backend: Backend, request: Any) -> Any:
    """Publish, and return the message ids once the messages are committed."""
    topic = backend.registry.topic(request.topic)
    drafts = request.messages
    _check_drafts(drafts, request.ByteSize())
    router = backend.registry.router
    if topic.description.HasField("schema_settings"):
        settings = topic.description.schema_settings
        revisions = accepted(backend.registry.schemas, settings)
        await aside(request.ByteSize(), partial(admit, revisions, settings.encoding, drafts))
        # It may have been deleted meanwhile.
        topic = backend.registry.topic(request.topic)
    async with backend.journaled():
        messages = router.stamp(drafts, backend.clock())
        router.publish(topic, messages)
    return protos.PublishResponse(message_ids=[str(message.id) for message in messages])


def _check_drafts(drafts: Any, request_bytes: int) -> None:
    """Check the messages of a publish request."""
    check_value("message_count", len(drafts), 1, MAX_MESSAGES)
    check_value("request_size", request_bytes, 0, MAX_REQUEST_BYTES)
    ordering_key = drafts[0].ordering_key
    check_value("ordering_key_length", len(ordering_key.encode()), 0, MAX_ORDERING_KEY_BYTES)
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
    check_value("attribute_count", len(attributes), 0, MAX_ATTRIBUTES)
    for key, value in attributes.items():
        if not key:
            raise InvalidArgument("The key of an attribute must not be empty.")
        check_value("attribute_key_length", len(key.encode()), 0, MAX_KEY_BYTES)
        check_value("attribute_value_length", len(value.encode()), 0, MAX_VALUE_BYTES)
