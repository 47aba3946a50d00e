"""The JSON that clients are answered with, but for problems."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from quickthumb.documents.manifest import Bytes, Failure, Original, Pixels, Placeholder
from quickthumb.documents.rendition import Rendition

Id = Annotated[
    str,
    Meta(
        description="128 random bits: the capability to read and delete an upload.",
        extra_json_schema={"pattern": "^[0-9a-f]{32}$"},
    ),
]
Link = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]


class Links(Struct, frozen=True, rename={"status": "self"}):
    """Where to go from an upload."""

    status: Link
    thumbnails: dict[str, Link]


class Queued(Struct, frozen=True):
    """An upload whose job has not ended."""

    id: Id
    status: Literal["queued"]
    links: Links


class Thumbnail(Struct, frozen=True):
    """A thumbnail that can be fetched."""

    href: Link
    width: Pixels
    height: Pixels
    bytes: Bytes
    content_type: str


class Done(Struct, frozen=True, kw_only=True):
    """An upload whose thumbnails are there."""

    id: Id
    status: Literal["done"]
    original: Original
    placeholder: Placeholder | UnsetType = UNSET
    thumbnails: Annotated[
        dict[str, Thumbnail],
        Meta(description="By name: the size that was asked for, or a name that is set."),
    ]
    links: Links


class Failed(Struct, frozen=True, kw_only=True):
    """An upload whose job ended without thumbnails."""

    id: Id
    status: Literal["failed"]
    original: Original | UnsetType = UNSET
    error: Failure
    links: Links


class Target(Struct, frozen=True):
    """The request that takes an announced picture."""

    method: Literal["PUT"]
    url: Annotated[str, Meta(extra_json_schema={"format": "uri"})]


class Session(Struct, frozen=True):
    """Where to send an announced picture."""

    id: Id
    upload: Annotated[Target, Meta(description="The request that takes it.")]
    links: Links


class Service(Struct, frozen=True):
    """What this service is and takes."""

    service: str
    upload: str
    large_upload: str
    links: dict[str, str]
    renditions: Annotated[
        list[Rendition],
        Meta(description="The default thumbnails, made of an upload that requests none."),
    ]
    sizes: Annotated[
        list[int],
        Meta(description="The default sizes, used when an upload requests none; pixels."),
    ]
    options: Annotated[
        bool, Meta(description="Whether an upload may ask for thumbnails of its own.")
    ]
    max_upload_bytes: Annotated[int, Meta(ge=1, description="The most bytes of a request.")]
    max_original_bytes: Annotated[
        int, Meta(ge=1, description="The most bytes of a picture that was announced.")
    ]


class Health(Struct, frozen=True):
    """Whether the service answers."""

    status: Literal["ok"]


class Problem(Struct, frozen=True):
    """An error (RFC 9457)."""

    type: Annotated[Link, Meta(description="Explains this type of problem.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: Annotated[
        str, Meta(description="The stable name of the problem, the last part of `type`.")
    ]
    detail: Annotated[
        str, Meta(description="What was wrong and what to do, a sentence for a person.")
    ]
    field: Annotated[
        str | UnsetType, Meta(description="The form field, query parameter or header at fault.")
    ] = UNSET
