"""The request for an upload token, and the answer to it."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct

from quickthumb.documents import metadata as own
from quickthumb.documents import untrusted
from quickthumb.documents.announcement import Options, as_fields, whole
from quickthumb.documents.rendition import MAX_SIZE
from quickthumb.documents.token import MAX_SECONDS, MAX_USES
from quickthumb.documents.untrusted import MAX_WHOLE, WrongMember
from quickthumb.options import OPTIONS
from quickthumb.problems import InvalidMessage, InvalidOption, Refused

_Count = Annotated[int, Meta(ge=1, le=MAX_WHOLE)]


def _choices(name: str) -> tuple[str, Any, Any]:
    """Return the member of an option; `choices` validates its value."""
    value = {"type": "integer", "minimum": 1, "maximum": MAX_SIZE}
    if name != "sizes":
        value = {key: part for key, part in OPTIONS[name].schema.items() if key != "default"}
    schema = {"anyOf": [{"type": "array", "items": value, "minItems": 1}, {"const": True}]}
    return name, Annotated[Any, Meta(extra_json_schema=schema)], UNSET


Allow = msgspec.defstruct(
    "Allow", [_choices(name) for name in OPTIONS], frozen=True, forbid_unknown_fields=True
)


class Grant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an upload token is to allow."""

    expires_in: Annotated[
        int, Meta(ge=1, le=MAX_SECONDS, description="How long the token lives, seconds.")
    ] = 900
    uses: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_USES)] | None,
        Meta(
            description="How many requests may use it; null for any number. The same request, sent "
            "again, is one use."
        ),
    ] = 1
    files: Annotated[_Count, Meta(description="Most pictures in a request.")] = 1
    bytes: Annotated[
        _Count | None,
        Meta(description="Most bytes of pictures in a request; null for what the service takes."),
    ] = None
    options: Annotated[
        Options,  # type: ignore[valid-type]
        Meta(description="The options of every upload; `allow` says which it may choose instead."),
    ] = Options()
    allow: Annotated[
        Allow,  # type: ignore[valid-type]
        Meta(
            description="Options that a request may choose: the values that it may choose from, or "
            "true for any value. All others are refused."
        ),
    ] = Allow()
    metadata: Annotated[
        dict[str, Any],
        Meta(
            description="Metadata of every upload; a request may add to it, but not change it.",
            extra_json_schema={name: own.SCHEMA[name] for name in own.SCHEMA if name != "type"},
        ),
    ] = {}
    uploads_per_minute: Annotated[
        _Count | None, Meta(description="Quota, pictures a minute; null for that of the key alone.")
    ] = None
    bytes_per_minute: Annotated[
        _Count | None, Meta(description="Quota, bytes a minute; null for that of the key alone.")
    ] = None

    @property
    def fixed(self) -> dict[str, str]:
        """The options of every upload, as text, as in a form."""
        return dict(as_fields(self.options))

    @property
    def choices(self) -> dict[str, tuple[str, ...] | None]:
        """The options that a request may choose; see `Token.allow`.

        Raises:
            InvalidOption: an option has an invalid value.
        """
        given = msgspec.to_builtins(self.allow)
        return {name: _choice(name, value) for name, value in given.items()}


class Granted(Struct, frozen=True):
    """An upload token."""

    token: Annotated[str, Meta(description="Send it as `Authorization: Bearer`, or as `token`.")]
    expires: Annotated[
        str,
        Meta(description="When it expires, UTC.", extra_json_schema={"format": "date-time"}),
    ]


def read_grant(body: bytes) -> Grant:
    """Parse the body of `POST /tokens`; an empty one takes all defaults.

    Raises:
        Refused: the body is not a JSON object.
        InvalidOption: a member is unknown or invalid.
        InvalidMetadata: `metadata` is not an object; `metadata.joined` checks what is in it.
    """
    try:
        document = untrusted.read(dict[str, Any], body or b"{}")
    except InvalidMessage as error:
        raise Refused(
            f"The body is not a JSON object: {error}. Expected an object like "
            '{"expires_in": 900, "bytes": 10000000}.'
        ) from None
    own.expect_object(document)
    try:
        return untrusted.convert(Grant, whole(document))
    except InvalidMessage as error:
        field = error.member if isinstance(error, WrongMember) else ""
        raise InvalidOption(f"{error}.", field=field[:100] or None) from None


def _choice(name: str, value: Any) -> tuple[str, ...] | None:
    if value is True:
        return None
    texts = tuple(map(str, value)) if isinstance(value, list) else ()
    if not texts:
        raise InvalidOption(
            f"allow: {name}: {untrusted.shown(value)}: expected true, or a list of the values to "
            "choose from.",
            field=name,
        )
    for text in texts:
        try:
            OPTIONS[name].parse(text)
        except ValueError as error:
            raise InvalidOption(f"allow: {name}: {text[:100]!r}: {error}.", field=name) from None
    return texts
