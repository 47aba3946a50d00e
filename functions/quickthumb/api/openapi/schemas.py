"""The documents that go over the wire, as JSON Schema, most of it made from their types."""

from typing import Any

from quickthumb.api import documents
from quickthumb.documents import answers
from quickthumb.documents.announcement import Announcement
from quickthumb.documents.manifest import Failure, Manifest, Original, Placeholder, Thumbnail
from quickthumb.documents.rendition import Rendition
from quickthumb.documents.schema import components
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.options import OPTIONS
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

_OPTIONS_OF_EXAMPLE = {"options": {"sizes": [256, 1024], "format": "webp"}}

Schema = dict[str, Any]

BINARY: Schema = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}

_TYPED: dict[type, tuple[str, *tuple[Any, ...]]] = {
    Announcement: ("A picture that is to come.",),
    answers.Session: ("Where to send a picture that was announced.", SESSION),
    answers.Target: ("The request that takes an announced picture.",),
    answers.Queued: ("An accepted upload whose job has not ended.", QUEUED),
    answers.Done: ("All thumbnails are there.", DONE),
    answers.Failed: ("The job ended without thumbnails, and no retry can help.", FAILED),
    answers.Thumbnail: ("A thumbnail that can be fetched.",),
    answers.Links: ("Where to go from here; links of thumbnails are known before they are made.",),
    answers.Service: ("What this service is and takes.",),
    answers.Health: ("Whether it answers.",),
    answers.Problem: ("An error (RFC 9457).", _NOT_A_PICTURE),
    Original: ("What the picture was.",),
    Placeholder: ("What to show before a thumbnail has loaded.",),
    Failure: ("Why a job has no thumbnails.",),
    Rendition: ("A thumbnail that an upload gets.",),
}
"""What each document is, with examples."""


def ref(name: str) -> Schema:
    """Return a reference to a schema of `components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(settings: Settings) -> dict[str, Schema]:
    """Return all schemas by name."""
    found = components(_TYPED, ref("")["$ref"])
    for kind, (description, *examples) in _TYPED.items():
        told = {"examples": examples} if examples else {}
        found[kind.__name__] |= {"description": description, **told}
    _member(found, "Original", "content_type")["enum"] = list(CONTENT_TYPES.values())
    _member(found, "Thumbnail", "content_type")["enum"] = list(THUMBNAIL_TYPES)
    _member(found, "Failure", "code")["enum"] = [kind.code for kind in family(Unprocessable)]
    _member(found, "Problem", "code")["enum"] = sorted(PROBLEMS)
    del found["Rendition"]["additionalProperties"]  # of an answer; a later version may add some
    _member(found, "Announcement", "size")["maximum"] = settings.max_original_bytes
    example = {"filename": "scan.tif", "content_type": "image/tiff", "size": 104_857_600}
    found["Announcement"]["examples"] = [example | _OPTIONS_OF_EXAMPLE]
    if settings.only_renditions:
        found["Options"]["properties"] = {}
        found["Announcement"]["examples"] = [example]
    elif settings.sizes:
        _member(found, "Options", "sizes")["default"] = list(settings.sizes)
    return found | {
        "Id": _member(found, "Queued", "id") | {"examples": [ID]},
        "Form": _form(settings),
        "Status": _one_of("status", queued="Queued", done="Done", failed="Failed"),
        "Verdicts": _verdicts(),
    }


def _member(schemas: dict[str, Schema], name: str, member: str) -> Schema:
    schema: Schema = schemas[name]["properties"][member]
    return schema


def options(settings: Settings) -> dict[str, tuple[str, Schema]]:
    """Return what each option that an upload may have means, and its schema."""
    if settings.only_renditions:
        return {}
    told = {name: (option.meaning, dict(option.schema)) for name, option in OPTIONS.items()}
    if settings.sizes:
        told["sizes"][1]["default"] = ",".join(map(str, settings.sizes))
    return told


def _one_of(member: str, **kinds: str) -> Schema:
    references = {value: ref(name) for value, name in kinds.items()}
    mapping = {value: reference["$ref"] for value, reference in references.items()}
    return {
        "oneOf": list(references.values()),
        "discriminator": {"propertyName": member, "mapping": mapping},
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
        "description": "What became of each of several files, in their order.",
        "properties": {"uploads": {"type": "array", "items": verdict}},
        "required": ["uploads"],
        "examples": [VERDICTS],
    }


def _form(settings: Settings) -> Schema:
    about = f"The pictures, {settings.max_files} at most, each judged by itself."
    files = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": settings.max_files}
    given = {
        name: {"description": meaning, **schema}
        for name, (meaning, schema) in options(settings).items()
    }
    return {
        "type": "object",
        "description": "Pictures and options.",
        "properties": {"file": files | {"description": about}, **given},
        "required": ["file"],
        "additionalProperties": False,
    }
