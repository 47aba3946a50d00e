"""The JSON Schema of what is published when a job ends: a manifest.

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
        "description": "Version of this form. A later version may add members under the same "
        "number; it changes when members change or go.",
    },
    "state": {
        "enum": ["done", "failed"],
        "description": "done: all thumbnails are there; failed: there are none.",
    },
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
    """Return the schema; every member is always written, and there are no others."""
    parts = components([Manifest])
    parts["Thumbnail"]["properties"]["content_type"]["enum"] = list(THUMBNAIL_TYPES)
    for part in parts.values():
        for member in part["properties"].values():
            member.pop("default", None)
        part |= {"required": list(part["properties"]), "additionalProperties": False}
    event = parts.pop("Manifest")
    event["properties"] = _HEAD | event["properties"]
    event["required"] = list(event["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job has ended",
        "description": "Data of a message on the topic completed. Its attributes repeat schema, id "
        "and state, for filters.",
        **event,
        "if": {"properties": {"state": {"const": "done"}}},
        "then": {"properties": _DONE},
        "else": {"properties": _FAILED},
        "$defs": parts,
    }


def text() -> str:
    """Return the schema as it stands in docs/completed.schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
