"""The documents that go over the wire, as JSON Schema."""

from collections.abc import Sequence
from typing import Any

from quickthumb.api import documents
from quickthumb.api.announced import CONTENT_TYPE
from quickthumb.documents.manifest import Failure, Manifest, Original, Placeholder, Thumbnail
from quickthumb.documents.rendition import MAX_SIZE, Rendition
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.options import MAX_RENDITIONS, OPTIONS
from quickthumb.problems import PROBLEMS, NotAPicture, Unprocessable, family
from quickthumb.settings import Settings

ID = "5b2f0c86d2d94c5e8f5f0c3a9b7d1e64"
"""The upload of the examples."""

_ORIGINAL = Original("image/jpeg", 640, 427, 1, 113_093)
_THUMBNAIL = Thumbnail("256", f"{ID}/256.jpg", "image/jpeg", 256, 171, 7_712, "0" * 64)

QUEUED = documents.queued(ID, [Rendition.square(256)])
_PLACEHOLDER = Placeholder("data:image/webp;base64,UklGRhoAAABXRUJQ", "#34568b")
DONE = documents.status(ID, Manifest(ID, ID, 1, _ORIGINAL, (_THUMBNAIL,), placeholder=_PLACEHOLDER))
FAILED = documents.status(ID, Manifest(ID, ID, 1, failure=Failure("corrupt", "It ends early.")))

_URL = "https://storage.googleapis.com/upload/storage/v1/b/example-originals/o?upload_id=ABg5"
SESSION = documents.session(ID, _URL, [Rendition.square(256)])

_NOT_A_PICTURE = NotAPicture.example()
VERDICTS = {"uploads": [{"filename": "a.jpg"} | QUEUED, {"filename": "b.txt"} | _NOT_A_PICTURE]}

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """Return a reference to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(settings: Settings) -> dict[str, Schema]:
    """Return all schemas by name."""
    return {
        "Id": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "128 random bits: the capability to read and delete an upload.",
            "examples": [ID],
        },
        "Form": _form(settings),
        "Announcement": _announcement(settings),
        "Session": _object(
            "Where to send a picture that was announced.",
            {
                "id": ref("Id"),
                "upload": _object(
                    "The request that takes it.",
                    {"method": {"const": "PUT"}, "url": {"type": "string", "format": "uri"}},
                ),
                "links": ref("Links"),
            },
            [SESSION],
        ),
        "Queued": _status("queued", "An accepted upload whose job has not ended.", {}, [QUEUED]),
        "Done": _status(
            "done",
            "All thumbnails are there.",
            {
                "original": ref("Original"),
                "thumbnails": {
                    "type": "object",
                    "description": "By name: the size that was asked for, or a name that is set.",
                    "additionalProperties": ref("Thumbnail"),
                },
            },
            [DONE],
            optional={"placeholder": ref("Placeholder")},
        ),
        "Failed": _status(
            "failed",
            "The job ended without thumbnails, and no retry can help.",
            {"error": ref("Failure")},
            [FAILED],
            optional={"original": ref("Original")},
        ),
        "Status": {
            "oneOf": [ref("Queued"), ref("Done"), ref("Failed")],
            "discriminator": {
                "propertyName": "status",
                "mapping": {
                    state: ref(state.capitalize())["$ref"] for state in ("queued", "done", "failed")
                },
            },
        },
        "Verdicts": _object(
            "What became of each of several files, in their order.",
            {
                "uploads": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"filename": {"type": "string"}},
                        "required": ["filename"],
                        "oneOf": [ref("Queued"), ref("Problem")],
                    },
                }
            },
            [VERDICTS],
        ),
        "Original": _object(
            "What the picture was.",
            {
                "content_type": {
                    "type": "string",
                    "enum": list(CONTENT_TYPES.values()),
                    "description": "Told from its bytes, never from its name.",
                },
                "width": _count("Pixels, as a viewer shows it."),
                "height": _count("Pixels, as a viewer shows it."),
                "orientation": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 8,
                    "description": "EXIF orientation of the original; thumbnails are upright.",
                },
                "bytes": _count("Its size."),
            },
        ),
        "Thumbnail": _object(
            "A thumbnail that can be fetched.",
            {
                "href": {"type": "string", "format": "uri-reference"},
                "width": _count("Pixels."),
                "height": _count("Pixels."),
                "bytes": _count("Its size."),
                "content_type": {"type": "string", "enum": list(THUMBNAIL_TYPES)},
            },
        ),
        "Placeholder": _object(
            "What to show before a thumbnail has loaded.",
            {
                "data_uri": {"type": "string", "format": "uri", "pattern": "^data:image/"},
                "color": {
                    "type": "string",
                    "pattern": "^#[0-9a-f]{6}$",
                    "description": "The dominant colour.",
                },
            },
        ),
        "Links": _object(
            "Where to go from here; the links of thumbnails are known before they are made.",
            {
                "self": {"type": "string", "format": "uri-reference"},
                "thumbnails": {
                    "type": "object",
                    "additionalProperties": {"type": "string", "format": "uri-reference"},
                },
            },
        ),
        "Failure": _object(
            "Why a job has no thumbnails.",
            {
                "code": {"type": "string", "enum": [kind.code for kind in family(Unprocessable)]},
                "detail": {"type": "string", "description": "A sentence for who uploaded."},
            },
        ),
        "Problem": _object(
            "An error (RFC 9457).",
            {
                "type": {
                    "type": "string",
                    "format": "uri-reference",
                    "description": "Explains this type of problem.",
                },
                "title": {"type": "string"},
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "code": {
                    "type": "string",
                    "enum": sorted(PROBLEMS),
                    "description": "The stable name of the problem, the last part of `type`.",
                },
                "detail": {
                    "type": "string",
                    "description": "What was wrong and what to do, a sentence for a person.",
                },
            },
            [_NOT_A_PICTURE],
            optional={
                "field": {
                    "type": "string",
                    "description": "The form field, query parameter or header at fault.",
                }
            },
        ),
        "Service": _object(
            "What this service is and takes.",
            {
                "service": {"type": "string"},
                "upload": {"type": "string"},
                "links": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
                "renditions": {
                    "type": "array",
                    "items": _rendition(),
                    "description": "What is made of an upload that asks for nothing.",
                },
                "sizes": {
                    "type": "array",
                    "items": {"type": "integer"},
                    "description": "What the option `sizes` takes the place of, pixels.",
                },
                "options": {
                    "type": "boolean",
                    "description": "Whether an upload may ask for thumbnails of its own.",
                },
                "large_upload": {"type": "string"},
                "max_upload_bytes": _count("The most bytes of a request."),
                "max_original_bytes": _count("The most bytes of a picture that was announced."),
            },
        ),
        "Health": _object("Whether it answers.", {"status": {"const": "ok"}}),
    }


def option(name: str, settings: Settings) -> Schema:
    """Return the schema of an option of an upload."""
    schema = dict(OPTIONS[name].schema)
    if name == "sizes" and settings.sizes:
        schema["default"] = ",".join(map(str, settings.sizes))
    return schema


def options(settings: Settings) -> Sequence[str]:
    """Return the names of the options that an upload may have."""
    return () if settings.only_renditions else tuple(OPTIONS)


def _form(settings: Settings) -> Schema:
    files = {
        "type": "array",
        "items": {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
        },
        "minItems": 1,
        "maxItems": settings.max_files,
        "description": f"The pictures, {settings.max_files} at most, each judged by itself.",
    }
    given = {
        name: {"description": OPTIONS[name].meaning, **option(name, settings)}
        for name in options(settings)
    }
    return _object("Pictures and options.", {"file": files}, optional=given) | {
        "additionalProperties": False
    }


def _rendition() -> Schema:
    """Return the schema of a thumbnail that is set; its options are those of uploads."""
    members: dict[str, Schema] = {
        "name": {"type": "string"},
        "width": _count("The most, pixels."),
        "height": _count("The most, pixels."),
    }
    others = {name: dict(OPTIONS[name].schema) for name in OPTIONS if name != "sizes"}
    return _object("A thumbnail.", members, optional=others)


def _announcement(settings: Settings) -> Schema:
    sizes = {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": MAX_SIZE},
        "minItems": 1,
        "maxItems": MAX_RENDITIONS,
        **({"default": list(settings.sizes)} if settings.sizes else {}),
    }
    given = {
        name: {"description": OPTIONS[name].meaning}
        | (sizes if name == "sizes" else option(name, settings))
        for name in options(settings)
    }
    return _object(
        "A picture that is to come.",
        {"size": _count("Its bytes.") | {"maximum": settings.max_original_bytes}},
        [
            {
                "filename": "scan.tif",
                "content_type": "image/tiff",
                "size": 104_857_600,
                **({"options": {"sizes": [256, 1024], "format": "webp"}} if given else {}),
            }
        ],
        optional={
            "filename": {"type": "string", "description": "As the sender calls it."},
            "content_type": {
                "type": "string",
                "pattern": CONTENT_TYPE.replace(r"\Z", "$"),
                "default": "application/octet-stream",
                "description": "As it is to be stored; what it is, is told from its bytes.",
            },
            "options": _object("What is made of it.", {}, optional=given)
            | {"additionalProperties": False},
        },
    ) | {"additionalProperties": False}


def _status(
    state: str,
    description: str,
    members: dict[str, Schema],
    examples: list[Any],
    optional: dict[str, Schema] | None = None,
) -> Schema:
    common = {"id": ref("Id"), "status": {"const": state}, "links": ref("Links")}
    return _object(description, common | members, examples, optional)


def _object(
    description: str,
    members: dict[str, Schema],
    examples: list[Any] | None = None,
    optional: dict[str, Schema] | None = None,
) -> Schema:
    schema = {
        "type": "object",
        "description": description,
        "properties": members | (optional or {}),
        "required": list(members),
    }
    return schema | ({"examples": examples} if examples else {})


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 1, "description": description}
