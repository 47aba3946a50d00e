"""What a message or a log line is about: the id of an upload, or of whatever a project works on."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

_UPLOAD = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_MOST_CHARACTERS = 200


def subject_of(attributes: Mapping[str, str] | None, data: str | None) -> str | None:
    """Return the subject of a message, None if it does not say.

    It is the member `id` of a JSON object, or else the attribute `id`, or else the name of the
    blob that a notification of Cloud Storage is about. One with line breaks or control characters
    is none.

    Args:
        attributes: of the message, if known.
        data: in base64, if known.
    """
    document = parsed(data)
    attributes = attributes or {}
    found = document.get("id") if isinstance(document, dict) else None
    for each in (found, attributes.get("id"), attributes.get("objectId")):
        # Whoever publishes may choose it, and it is printed on terminals.
        if isinstance(each, str) and 0 < len(each) <= _MOST_CHARACTERS and each.isprintable():
            return each
    return None


def parsed(data: str | None) -> Any:
    """Return the JSON in some data, None if it is none.

    Args:
        data: in base64, if known.
    """
    try:
        return json.loads(base64.b64decode(data or ""))
    except (ValueError, RecursionError):
        return None


def uploads_in(text: str) -> list[str]:
    """Return the ids of uploads in a log line or a path."""
    return _UPLOAD.findall(text)
