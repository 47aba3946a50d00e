"""The announcement of a large upload, with its options."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from quickthumb.documents import metadata as own
from quickthumb.documents import untrusted
from quickthumb.documents.rendition import MAX_SIZE
from quickthumb.documents.untrusted import MAX_WHOLE, WrongMember
from quickthumb.options import MAX_RENDITIONS, OPTIONS, Option
from quickthumb.problems import (
    InvalidMessage,
    InvalidOption,
    Refused,
    TooLarge,
)

T = TypeVar("T")

_ANY = "application/octet-stream"
_CONTENT_TYPE = rf"^(image/[0-9A-Za-z_.+-]{{1,100}}|{_ANY})\Z"

_Sizes = list[Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_SIZE})]]


def _member(name: str, option: Option) -> tuple[str, Any, Any]:
    """Return the member of an option; `renditions_of` validates its value, as in a form."""
    kind: Any = int if option.schema["type"] == "integer" else str
    schema = option.schema
    if name == "sizes":
        kind, schema = _Sizes, {"minItems": 1, "maxItems": MAX_RENDITIONS}
    meta = Meta(description=option.meaning, extra_json_schema=dict(schema))
    return name, Annotated[kind, meta] | UnsetType, UNSET


_MEMBERS = [_member(*each) for each in OPTIONS.items()]
Options = msgspec.defstruct("Options", _MEMBERS, frozen=True, forbid_unknown_fields=True)


class Announcement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An upload that will be sent to Cloud Storage directly."""

    filename: Annotated[str, Meta(description="The file name; never used as a path.")] = ""
    content_type: Annotated[
        str,
        Meta(
            description="The stored content type; the format is detected from the content.",
            extra_json_schema={"pattern": _CONTENT_TYPE},
        ),
    ] = _ANY
    size: Annotated[int, Meta(ge=1, le=MAX_WHOLE, description="Size in bytes.")]
    options: Annotated[Options, Meta(description="The options of the upload.")] = Options()  # type: ignore[valid-type]
    metadata: Annotated[
        dict[str, Any],
        Meta(
            description=own.MEANING,
            extra_json_schema={name: own.SCHEMA[name] for name in own.SCHEMA if name != "type"},
        ),
    ] = {}

    @property
    def given(self) -> tuple[tuple[str, str], ...]:
        """The options in the form of form fields."""
        return as_fields(self.options)


def read_options(body: bytes) -> tuple[tuple[str, str], ...]:
    """Parse options in JSON, as in an announcement; return them in the form of form fields.

    Raises:
        Refused: the body is not a JSON object.
        InvalidOption: a member is unknown or invalid.
    """
    return as_fields(_read(Options, _object(body, '{"sizes": [480, 1024]}.')))


def as_fields(options: Options) -> tuple[tuple[str, str], ...]:  # type: ignore[valid-type]
    """Return options in the form of form fields: names and texts."""
    given = msgspec.to_builtins(options)
    return tuple(
        (name, ",".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in given.items()
    )


def read_announced(body: bytes, max_bytes: int) -> Announcement:
    """Parse the body of `POST /uploads`.

    Args:
        body: JSON.
        max_bytes: maximum size of an upload.

    Raises:
        Refused: the body is not a JSON object.
        InvalidOption: a member is missing, unknown or invalid.
        InvalidMetadata: `metadata` is not an object; `metadata.joined` checks what is in it.
        TooLarge: the upload exceeds the size limit.
    """
    example = '{"size": 104857600}; the picture itself is sent to the URL in the response.'
    document = _object(body, example)
    own.expect_object(document)
    announced = _read(Announcement, document)
    if not re.search(_CONTENT_TYPE, announced.content_type):
        raise InvalidOption(
            f"content_type: {untrusted.shown(announced.content_type)}: expected a type like "
            f"image/tiff, or {_ANY}.",
            field="content_type",
        )
    if announced.size > max_bytes:
        raise TooLarge(
            f"The upload has {announced.size:,} bytes: at most {max_bytes:,} are accepted.",
            field="size",
        )
    return announced


def _object(body: bytes, example: str) -> dict[str, Any]:
    """Parse a JSON object; `example` ends the message if it is none. Raises `Refused`."""
    try:
        return untrusted.read(dict[str, Any], body)
    except InvalidMessage as error:
        raise Refused(
            f"The body is not a JSON object: {error}. Expected an object like {example}"
        ) from None


def _read(kind: type[T], document: dict[str, Any]) -> T:
    """Convert a JSON object. Raises `InvalidOption`."""
    try:
        return untrusted.convert(kind, whole(document))
    except InvalidMessage as error:
        field = error.member if isinstance(error, WrongMember) else ""
        raise InvalidOption(f"{error}.", field=field[:100] or None) from None


def whole(value: Any) -> Any:
    """Return a value with numbers like 5.0 as integers, which they are in JSON Schema."""
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
