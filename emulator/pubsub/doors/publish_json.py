"""Publish requests from JSON, without the cost of protobuf's own parser for each message.

It handles what clients usually send; everything else, and every error, is left to that parser.
"""

import binascii
from typing import Any

_FIELDS = frozenset({"data", "attributes", "orderingKey"})


def add_messages(request: Any, document: dict[str, Any]) -> bool:
    """Add the messages of a publish request.

    Args:
        request: A `PublishRequest` without messages; unchanged if they are not added.
        document: The request in JSON.

    Returns:
        Whether they were added.
    """
    try:
        if document.keys() != {"messages"}:
            return False
        for draft in document["messages"]:
            if not draft.keys() <= _FIELDS:
                raise ValueError(draft)
            request.messages.add(
                data=binascii.a2b_base64(draft.get("data") or "", strict_mode=True),
                attributes=draft.get("attributes") or {},
                ordering_key=draft.get("orderingKey") or "",
            )
    except (ValueError, TypeError, AttributeError):
        request.ClearField("messages")
        return False
    return True
