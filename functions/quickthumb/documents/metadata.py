"""The application's own data about an upload: names and texts that come back with its status.

Values are text, as in S3, Stripe and Uploadcare: a form can send nothing else, and text comes back
exactly as it was sent, whatever stores it on the way. An application that needs more puts JSON into
a text. The bounds keep it small enough to be stored with the original and sent with every message,
so it costs no call of its own.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta

from quickthumb.documents import untrusted
from quickthumb.documents.untrusted import shown
from quickthumb.problems import InvalidMessage, InvalidMetadata

MAX_KEYS = 50
"""Maximum number of keys."""

MAX_BYTES = 2_048
"""Maximum size as JSON without spaces, in UTF-8, bytes."""

KEY = r"[A-Za-z0-9_.:-]{1,64}"
"""What a key consists of."""

FIELD = "metadata"
"""Name of the form field, query parameter or member."""

MEANING = (
    "The application's own data, which comes back in status and event: texts by key, "
    f"{MAX_KEYS} keys and {MAX_BYTES:,} bytes of JSON at most. Anyone who has the id can read it."
)
"""Description for users of the API."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "propertyNames": {"pattern": f"^{KEY}$"},
    "additionalProperties": {"type": "string"},
    "maxProperties": MAX_KEYS,
    "default": {},
}
"""JSON Schema of metadata in a request; it cannot express the limit in bytes."""

Metadata: TypeAlias = dict[str, str]

Described = Annotated[
    Metadata,
    Meta(
        description="The application's own data, as sent with the upload.",
        extra_json_schema={"additionalProperties": {"type": "string"}},
    ),
]
"""The member of a document."""

_MEMBER = re.compile(r"metadata\[(.*)\]", re.DOTALL)


def from_fields(
    given: Iterable[tuple[str, str]],
) -> tuple[tuple[tuple[str, str], ...], Metadata]:
    """Separate metadata from the other fields of a form or query.

    Args:
        given: names and values. Metadata is one field `metadata`, a JSON object of texts, or fields
            like `metadata[album]`, or both.

    Returns:
        The other fields, and the metadata.

    Raises:
        InvalidMetadata: it exceeds a bound, or a key is invalid or given twice; with the field.
    """
    others: list[tuple[str, str]] = []
    parts: list[Mapping[str, Any]] = []
    for name, text in given:
        if name == FIELD:
            parts.append(_parsed(text))
        elif member := _MEMBER.fullmatch(name):
            parts.append({member[1]: text})
        else:
            others.append((name, text))
    return tuple(others), joined(parts) if parts else {}


def joined(parts: Iterable[Mapping[str, Any]]) -> Metadata:
    """Return the metadata of several parts of a request.

    Raises:
        InvalidMetadata: together they exceed a bound, or a key is invalid or given twice.
    """
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key in found:
                raise InvalidMetadata(
                    f"metadata: the key {key[:100]!r} is given twice: send it once.",
                    field=_field(key),
                )
            found[key] = value
    return checked(found)


def expect_object(document: Mapping[str, Any]) -> None:
    """Check that the metadata in a document is an object, if it has any.

    Raises:
        InvalidMetadata: it is not.
    """
    if not isinstance(document.get(FIELD, {}), dict):
        raise InvalidMetadata(
            f"metadata: {shown(document[FIELD])}: expected a JSON object of texts, like "
            '{"album": "7"}.'
        )


def checked(document: Mapping[str, Any]) -> Metadata:
    """Return metadata if it is within the bounds.

    Raises:
        InvalidMetadata: it is not; with the field.
    """
    for key, value in document.items():
        if not re.fullmatch(KEY, key):
            raise InvalidMetadata(
                f"metadata: {key[:100]!r}: expected a key of 1 to 64 letters (A-Z, a-z), digits, "
                "underscores, dots, colons and hyphens.",
                field=_field(key),
            )
        if not isinstance(value, str):
            raise InvalidMetadata(
                f"metadata: {key}: {shown(value)}: expected text; numbers, lists and objects can "
                "be sent as the text of their JSON.",
                field=_field(key),
            )
    if len(document) > MAX_KEYS:
        raise InvalidMetadata(
            f"metadata: {len(document):,} keys: expected at most {MAX_KEYS}.", field=FIELD
        )
    size = len(written(document).encode())
    if size > MAX_BYTES:
        raise InvalidMetadata(
            f"metadata: {size:,} bytes of JSON: expected at most {MAX_BYTES:,}. Send an id, and "
            "keep the rest in the application.",
            field=FIELD,
        )
    return dict(document)


def written(metadata: Mapping[str, str]) -> str:
    """Return metadata as JSON, in the shortest form."""
    return json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Metadata:
    """Return the metadata that was stored with a blob; empty if it is not metadata.

    Another program may use the same name for something else, and its picture is processed as ever.
    """
    try:
        return checked(untrusted.read(dict[str, Any], text))
    except (InvalidMessage, InvalidMetadata):
        return {}


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return untrusted.read(dict[str, Any], text)
    except InvalidMessage:
        raise InvalidMetadata(
            f'metadata: {text[:100]!r}: expected a JSON object like {{"album": "7"}}, or '
            "fields like metadata[album].",
            field=FIELD,
        ) from None


def _field(key: str) -> str:
    return f"{FIELD}[{key[:100]}]"
