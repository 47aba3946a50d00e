"""A message as the HTTP request that production would send.

https://docs.cloud.google.com/pubsub/docs/push#receive_push
https://docs.cloud.google.com/pubsub/docs/payload-unwrapping
"""

import base64
import json
import re
from typing import Any

from emulator.pubsub.rules import wire
from emulator.pubsub.rules.messages import Delivery
from emulator.pubsub.rules.subscription import Subscription

Headers = list[tuple[str, str]]

# Field names and values that HTTP allows (RFC 9110, 5.1 and 5.5).
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
# Headers of the request itself, which attributes must not override.
_RESERVED_HEADERS = frozenset(
    {"authorization", "connection", "content-length", "host", "transfer-encoding", "upgrade"}
)


def push_request(subscription: Subscription, delivery: Delivery) -> tuple[Headers, bytes]:
    """Return headers and body of the request that delivers a message to a push endpoint."""
    message = wire.parse(delivery.message.wire)
    target = subscription.policy.push
    if target is None or target.wrapped:
        return [("Content-Type", "application/json")], _envelope(subscription, delivery, message)
    headers: Headers = []
    if target.write_metadata:
        headers += [
            ("x-goog-pubsub-subscription-name", subscription.name),
            ("x-goog-pubsub-message-id", message.message_id),
            ("x-goog-pubsub-publish-time", message.publish_time.ToJsonString()),
        ]
        if message.ordering_key and _HEADER_VALUE.fullmatch(message.ordering_key):
            headers.append(("x-goog-pubsub-ordering-key", message.ordering_key))
        # Attributes that are not valid headers are left out.
        headers += [
            (name, value)
            for name, value in sorted(message.attributes.items())
            if name.lower() not in _RESERVED_HEADERS
            and _HEADER_NAME.fullmatch(name)
            and _HEADER_VALUE.fullmatch(value)
        ]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream"))
    return headers, message.data


def _envelope(subscription: Subscription, delivery: Delivery, message: Any) -> bytes:
    published = message.publish_time.ToJsonString()
    fields = {
        "attributes": dict(sorted(message.attributes.items())),
        "data": base64.b64encode(message.data).decode(),
        # Both spellings, as in production.
        "messageId": message.message_id,
        "message_id": message.message_id,
        "orderingKey": message.ordering_key,
        "publishTime": published,
        "publish_time": published,
    }
    envelope: dict[str, Any] = {}
    if subscription.policy.dead_letter is not None:
        envelope["deliveryAttempt"] = delivery.attempts
    envelope["message"] = {name: value for name, value in fields.items() if value}
    envelope["subscription"] = subscription.name
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
