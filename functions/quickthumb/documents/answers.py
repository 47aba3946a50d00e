"""The JSON of responses."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from quickthumb.documents.manifest import Bytes, Failure, Original, Pixels, Placeholder
from quickthumb.documents.metadata import Described
from quickthumb.documents.rendition import Rendition

Id = Annotated[
    str,
    Meta(
        description="112 random bits; anyone who has the id can read and delete the upload.",
        extra_json_schema={"pattern": "^[0-9a-f]{32}$"},
    ),
]
Link = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]


class Links(Struct, frozen=True, rename={"status": "self"}):
    """Links of an upload."""

    status: Link
    thumbnails: dict[str, Link]


class Queued(Struct, frozen=True):
    """An upload whose job has not ended."""

    id: Id
    status: Literal["queued"]
    links: Links
    metadata: Described | UnsetType = UNSET


class Thumbnail(Struct, frozen=True):
    """A thumbnail that is ready."""

    href: Link
    width: Pixels
    height: Pixels
    bytes: Bytes
    content_type: str


class Done(Struct, frozen=True, kw_only=True):
    """An upload whose thumbnails are ready."""

    id: Id
    status: Literal["done"]
    original: Original
    placeholder: Placeholder | UnsetType = UNSET
    thumbnails: Annotated[
        dict[str, Thumbnail],
        Meta(description="By name: a requested size, or the name of a rendition."),
    ]
    links: Links
    metadata: Described | UnsetType = UNSET


class Failed(Struct, frozen=True, kw_only=True):
    """An upload whose job failed for good."""

    id: Id
    status: Literal["failed"]
    original: Original | UnsetType = UNSET
    error: Failure
    links: Links
    metadata: Described | UnsetType = UNSET


class Target(Struct, frozen=True):
    """The request that uploads an announced picture."""

    method: Literal["PUT"]
    url: Annotated[str, Meta(extra_json_schema={"format": "uri"})]


class Session(Struct, frozen=True):
    """The response to an announcement."""

    id: Id
    upload: Annotated[Target, Meta(description="The request that uploads it.")]
    links: Links


class Service(Struct, frozen=True):
    """The service, its limits and defaults."""

    service: str
    upload: str
    large_upload: str
    links: dict[str, str]
    renditions: Annotated[
        list[Rendition],
        Meta(description="The default thumbnails, used when an upload requests none."),
    ]
    sizes: Annotated[
        list[int],
        Meta(description="The default sizes in pixels, used when an upload requests none."),
    ]
    options: Annotated[bool, Meta(description="Whether uploads may request other thumbnails.")]
    max_upload_bytes: Annotated[int, Meta(ge=1, description="Maximum size of a request, bytes.")]
    max_original_bytes: Annotated[
        int, Meta(ge=1, description="Maximum size of an announced picture, bytes.")
    ]


class Health(Struct, frozen=True):
    """The service responds."""

    status: Literal["ok"]


class Problem(Struct, frozen=True):
    """An error (RFC 9457)."""

    type: Annotated[Link, Meta(description="Link to an explanation.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: Annotated[str, Meta(description="Stable name of the problem, the last part of `type`.")]
    detail: Annotated[str, Meta(description="What is wrong and how to fix it, for people.")]
    field: Annotated[
        str | UnsetType, Meta(description="The form field, query parameter or header at fault.")
    ] = UNSET
