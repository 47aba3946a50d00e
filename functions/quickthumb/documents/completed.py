"""The JSON Schema of the event that is published when a job ends: a manifest.

PYTHONPATH=functions python3 -m quickthumb.documents.completed > docs/completed.schema.json
"""

import json
import sys
from typing import Any

from quickthumb.documents.job import SCHEMA
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.schema import components
from quickthumb.imaging.formats import THUMBNAIL_TYPES

_HEAD = {
    "schema": {
        "const": SCHEMA,
        "description": "Version of this format. It changes when members change or are removed, but "
        "not when members are added.",
    },
    "state": {
        "enum": ["done", "failed"],
        "description": "done: all thumbnails are ready; failed: there are none.",
    },
}
_LINK = {"type": "string", "format": "uri"}
_LINKS = {
    "description": "Absolute links of the upload, as in its status; null if the service does not "
    "know its own address.",
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "self": _LINK,
                "thumbnails": {"type": "object", "additionalProperties": _LINK},
            },
            "required": ["self", "thumbnails"],
            "additionalProperties": False,
        },
        {"type": "null"},
    ],
}
_DONE = {
    "failure": {"type": "null"},
    "original": {"type": "object"},
    "placeholder": {"type": "object"},
    "thumbnails": {"minItems": 1},
}
_FAILED = {
    "failure": {"type": "object"},
    "thumbnails": {"maxItems": 0},
    "placeholder": {"type": "null"},
}


def schema() -> dict[str, Any]:
    """Return the schema: every member is required, and no others are allowed."""
    parts = components([Manifest])
    parts["Thumbnail"]["properties"]["content_type"]["enum"] = list(THUMBNAIL_TYPES)
    for part in parts.values():
        for member in part["properties"].values():
            member.pop("default", None)
        part |= {"required": list(part["properties"]), "additionalProperties": False}
    event = parts.pop("Manifest")
    del event["properties"]["dropped"]  # only in storage
    event["properties"] = _HEAD | event["properties"] | {"links": _LINKS}
    event["required"] = list(event["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job has ended",
        "description": "Data of a message on the topic completed. The attributes schema, id and "
        "state are for filters.",
        **event,
        "if": {"properties": {"state": {"const": "done"}}},
        "then": {"properties": _DONE},
        "else": {"properties": _FAILED},
        "$defs": parts,
    }


def text() -> str:
    """Return the content of docs/completed.schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
