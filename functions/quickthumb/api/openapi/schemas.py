"""JSON Schema of requests and responses, mostly made from their types."""

import re
from typing import Any

from quickthumb.api import documents
from quickthumb.api.access import FIELD
from quickthumb.api.fields import NEXT
from quickthumb.documents import answers, metadata
from quickthumb.documents.announcement import Announcement
from quickthumb.documents.grant import Grant, Granted
from quickthumb.documents.manifest import Failure, Manifest, Original, Placeholder, Thumbnail
from quickthumb.documents.rendition import Rendition
from quickthumb.documents.schema import components
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.options import OPTIONS
from quickthumb.problems import PROBLEMS, NotAPicture, NotFound, Unprocessable, family
from quickthumb.settings import Settings

ID = "5b2f0c86d2d94c5e8f5f0c3a9b7d1e64"
"""The upload in the examples."""

_ORIGINAL = Original("image/jpeg", 640, 427, 1, 113_093)
_THUMBNAIL = Thumbnail("256", f"{ID}/256.jpg", "image/jpeg", 256, 171, 7_712, "0" * 64)

_METADATA = {"album": "7"}
QUEUED = documents.queued(ID, [Rendition.square(256)], _METADATA)
_PLACEHOLDER = Placeholder("data:image/webp;base64,UklGRhoAAABXRUJQ", "#34568b")
DONE = documents.status(
    ID,
    Manifest(*(ID, ID, 1, _ORIGINAL, (_THUMBNAIL,)), placeholder=_PLACEHOLDER, metadata=_METADATA),
)
FAILED = documents.status(
    ID, Manifest(ID, ID, 1, failure=Failure("corrupt", "The file is truncated."))
)

_URL = "https://storage.googleapis.com/upload/storage/v1/b/example-originals/o?upload_id=ABg5"
SESSION = documents.session(ID, _URL, [Rendition.square(256)])

GRANTED = {
    "token": "qtu1.eyJpZCI6IkZhUm9uYzVlU2pjU21HSDQiLCJleHBpcmVzIjoxNzY0MTUyMTAwfQ.n0tAS1gnature",
    "expires": "2026-11-26T10:15:00Z",
}

_NOT_A_PICTURE = NotAPicture.example()
VERDICTS = {"uploads": [{"filename": "a.jpg"} | QUEUED, {"filename": "b.txt"} | _NOT_A_PICTURE]}

_MISSING = NotFound(f"There is no upload {ID!r}: it was deleted.")
STATUSES = {"uploads": [DONE, {"id": ID} | _MISSING.document()]}

Schema = dict[str, Any]

BINARY: Schema = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}

_TYPED: dict[type, tuple[str, *tuple[Any, ...]]] = {
    Announcement: ("A picture that will be sent to Cloud Storage.",),
    Grant: (
        "What an upload token is to allow.",
        {"bytes": 10_000_000, "metadata": {"user": "ada"}},
    ),
    Granted: ("An upload token.", GRANTED),
    answers.Session: ("Where to send an announced picture.", SESSION),
    answers.Target: ("The request that uploads an announced picture.",),
    answers.Queued: ("An accepted upload whose job has not ended.", QUEUED),
    answers.Done: ("An upload whose thumbnails are ready.", DONE),
    answers.Failed: ("An upload whose job failed for good.", FAILED),
    answers.Thumbnail: ("A thumbnail that is ready.",),
    answers.Links: ("Links of an upload; those of thumbnails are known in advance.",),
    answers.Service: ("The service, its limits and defaults.",),
    answers.Health: ("The service responds.",),
    answers.Problem: ("An error (RFC 9457).", _NOT_A_PICTURE),
    Original: ("The uploaded picture.",),
    Placeholder: ("What to show while a thumbnail loads.",),
    Failure: ("Why there are no thumbnails.",),
    Rendition: ("A thumbnail to make.",),
}
"""Description and examples of each document."""


def ref(name: str) -> Schema:
    """Return a reference to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(settings: Settings) -> dict[str, Schema]:
    """Return all schemas by name."""
    found = components(_TYPED, ref("")["$ref"])
    for kind, (description, *examples) in _TYPED.items():
        members = {"examples": examples} if examples else {}
        found[kind.__name__] |= {"description": description, **members}
    _member(found, "Original", "content_type")["enum"] = list(CONTENT_TYPES.values())
    _member(found, "Thumbnail", "content_type")["enum"] = list(THUMBNAIL_TYPES)
    _member(found, "Failure", "code")["enum"] = [kind.code for kind in family(Unprocessable)]
    _member(found, "Problem", "code")["enum"] = sorted(PROBLEMS)
    del found["Rendition"]["additionalProperties"]  # a response; later versions may add members
    _member(found, "Announcement", "size")["maximum"] = settings.max_original_bytes
    if settings.only_renditions:
        found["Allow"]["properties"] = {}
    example = {"filename": "scan.tif", "content_type": "image/tiff", "size": 104_857_600}
    chosen = {"options": {"sizes": [256, 1024], "format": "webp"}}
    found["Announcement"]["examples"] = [example | ({} if settings.only_renditions else chosen)]
    if settings.only_renditions:
        found["Options"]["properties"] = {}
    elif settings.sizes:
        _member(found, "Options", "sizes")["default"] = list(settings.sizes)
    return found | {
        "Id": _member(found, "Queued", "id") | {"examples": [ID]},
        "Form": _form(settings),
        "Named": {
            "type": "object",
            "description": "The answer to an upload, of which only the id counts.",
            "properties": {"id": ref("Id")},
            "required": ["id"],
        },
        "Status": {
            "oneOf": [ref("Queued"), ref("Done"), ref("Failed")],
            "discriminator": {
                "propertyName": "status",
                "mapping": {
                    name.lower(): ref(name)["$ref"] for name in ("Queued", "Done", "Failed")
                },
            },
        },
        "Statuses": _statuses(),
        "Verdicts": _verdicts(),
    }


def _member(schemas: dict[str, Schema], name: str, member: str) -> Schema:
    schema: Schema = schemas[name]["properties"][member]
    return schema


def options(settings: Settings, *, always: bool = False) -> dict[str, tuple[str, Schema]]:
    """Return the description and schema of each available option of an upload, by name.

    Args:
        settings: with what is available.
        always: whether to return all, even if uploads may not request anything.
    """
    if settings.only_renditions and not always:
        return {}
    found = {name: (option.meaning, dict(option.schema)) for name, option in OPTIONS.items()}
    if settings.sizes:
        found["sizes"][1]["default"] = ",".join(map(str, settings.sizes))
    return found


def _statuses() -> Schema:
    status = {
        "type": "object",
        "properties": {"id": ref("Id")},
        "required": ["id"],
        "oneOf": [ref("Queued"), ref("Done"), ref("Failed"), ref("Problem")],
    }
    return {
        "type": "object",
        "description": "The status of each of several uploads, or why there is none, in order.",
        "properties": {"uploads": {"type": "array", "items": status}},
        "required": ["uploads"],
        "examples": [STATUSES],
    }


def _verdicts() -> Schema:
    verdict = {
        "type": "object",
        "properties": {"filename": {"type": "string"}},
        "required": ["filename"],
        "oneOf": [ref("Queued"), ref("Problem")],
    }
    return {
        "type": "object",
        "description": "The result of each of several files, in order.",
        "properties": {"uploads": {"type": "array", "items": verdict}},
        "required": ["uploads"],
        "examples": [VERDICTS],
    }


_TOKEN = {
    FIELD: {
        "type": "string",
        "description": "An upload token, before the first file, instead of an API key.",
    }
}


def _form(settings: Settings) -> Schema:
    about = f"The pictures, {settings.max_files} at most, each accepted or rejected on its own."
    files = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": settings.max_files}
    given = (options(settings) | next_page(settings)).items()
    return {
        "type": "object",
        "description": "Pictures, options and metadata. A picture may be in any field, an empty "
        "option is not given, and a field that is no option is metadata under its name.",
        "properties": {
            "file": files | {"description": about},
            **{
                name: {"description": meaning, **_or_empty(schema)}
                for name, (meaning, schema) in given
            },
            metadata.FIELD: {"description": metadata.MEANING, **metadata.SCHEMA},
            **(_TOKEN if settings.gives_tokens else {}),
        },
        "patternProperties": {rf"^metadata\[{metadata.KEY}\]$": {"type": "string"}},
        "propertyNames": {"pattern": rf"^({metadata.KEY}|metadata\[{metadata.KEY}\])$"},
        "required": ["file"],
        "additionalProperties": {"type": "string"},
    }


def _or_empty(schema: Schema) -> Schema:
    """Return the schema of an option in a form, where browsers send what was left empty too."""
    return {"anyOf": [schema, {"const": ""}]}


def next_page(settings: Settings) -> dict[str, tuple[str, Schema]]:
    """Return description and schema of the field `next`, if there are origins to lead to."""
    origins = [re.escape(origin) for origin in settings.cors_origins if origin != "*"]
    if not origins:
        return {}
    about = (
        "The address of a page whose origin is in QUICKTHUMB_CORS_ORIGINS. The response redirects "
        "to it, with the ids of the uploads as parameters `id`."
    )
    pattern = rf"^({'|'.join(origins)})([/?#][!-~]*)?$"
    return {NEXT: (about, {"type": "string", "pattern": pattern, "maxLength": 2000})}
