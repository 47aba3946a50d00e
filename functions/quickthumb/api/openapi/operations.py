"""Every route: what it takes and what it answers."""

from typing import Any

from quickthumb.api.idempotency import MAX_KEY
from quickthumb.api.openapi import service
from quickthumb.api.openapi.parts import (
    BINARY,
    ETAG,
    IF_NONE_MATCH,
    NO_STORE,
    NOSNIFF,
    Problem,
    header,
    json,
    maybe,
    problems,
)
from quickthumb.api.openapi.schemas import (
    DONE,
    FAILED,
    ID,
    QUEUED,
    SESSION,
    THUMBNAIL_TYPES,
    VERDICTS,
    Schema,
    option,
    options,
    ref,
)
from quickthumb.imaging.formats import CONTENT_TYPES
from quickthumb.options import OPTIONS
from quickthumb.problems import (
    Busy,
    InvalidKey,
    InvalidOption,
    KeyReused,
    NotFound,
    NotReady,
    RangeNotSatisfiable,
    Refused,
    TooLarge,
    TooLate,
    Unauthorized,
    Unprocessable,
    family,
)
from quickthumb.settings import Settings

_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Of the upload.",
    "schema": ref("Id"),
    "example": ID,
}

_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Of the thumbnail: the size that was asked for, or a name that is set.",
    "schema": {"type": "string", "pattern": "^([1-9][0-9]{0,3}|[a-z][a-z0-9_-]{0,31})$"},
    "example": "256",
}

_DOWNLOAD = {
    "name": "download",
    "in": "query",
    "description": (
        "1 has browsers save the thumbnail, under the original's name with the thumbnail's added."
    ),
    "schema": {"type": "integer", "enum": [0, 1], "default": 0},
}

_RANGE = {
    "name": "Range",
    "in": "header",
    "description": (
        "The bytes to send. Several ranges, or what is no range of bytes, are answered with the "
        "whole."
    ),
    "schema": {"type": "string"},
    "example": "bytes=0-999",
}

_IF_RANGE = {
    "name": "If-Range",
    "in": "header",
    "description": "An `ETag`: where it is not the right one, the whole is sent.",
    "schema": {"type": "string"},
}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "A UUID, for example: another one for each request, and the same for every attempt at it. "
        "What is sent again under the same key within a day is done once, and gets the first "
        "answer."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}

_REPLAYED = {
    "Idempotent-Replayed": maybe(
        header("This is the answer to an earlier request with the same `Idempotency-Key`.", "true")
    )
}

KEYS = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "One of the keys that the service is set to.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, where `Authorization` is not taken by Google's IAM.",
    },
}
"""How a key is shown."""


def paths(settings: Settings) -> dict[str, Any]:
    """Return the path items."""
    return {
        "/": {"post": _create(settings), "get": service.root(settings)},
        "/uploads": {"post": _announce(settings)},
        "/{id}": {"parameters": [_ID], "get": _status(settings), "delete": _delete(settings)},
        "/{id}/{name}": {"parameters": [_ID, _NAME], "get": _thumbnail(settings)},
        **service.paths(),
    }


def _create(settings: Settings) -> Schema:
    return {
        "operationId": "createUpload",
        "tags": ["uploads"],
        "summary": "Send a picture, or several",
        "description": (
            "The body is a picture, or a form with pictures in the field `file`. The answer comes "
            "as soon as the pictures are stored; the thumbnails are made afterwards, and their "
            f"links are in the answer. A request has {settings.max_upload_bytes:,} bytes at most. "
            "What a picture is, is told from its bytes; its name and content type do not matter. "
            "An option is a query parameter or, in a form, a field, and not both."
        ),
        "parameters": [*_options(settings), _IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": ref("Form")},
                **{
                    media_type: {"schema": BINARY}
                    for media_type in ("application/octet-stream", *CONTENT_TYPES.values())
                },
            },
        },
        "responses": {
            "202": _accepted(settings),
            **_or_verdicts(problems([*_refused(settings), *family(Unprocessable), Busy])),
        },
        **_security(settings),
    }


def _options(settings: Settings) -> list[Schema]:
    """Return every option as a query parameter."""
    return [
        {
            "name": name,
            "in": "query",
            "description": OPTIONS[name].meaning,
            "schema": option(name, settings),
        }
        for name in options(settings)
    ]


def _announce(settings: Settings) -> Schema:
    return {
        "operationId": "announceUpload",
        "tags": ["uploads"],
        "summary": "Announce a picture that is too large for a request",
        "description": (
            "The answer has a URL of Cloud Storage. `PUT` the picture there, within a week, and go "
            "on where a connection broke off, by the protocol of resumable uploads "
            "(https://docs.cloud.google.com/storage/docs/performing-resumable-uploads). Once all "
            "of its bytes have arrived the upload is queued; until then it is not known, and its "
            f"status is 404. A picture has {settings.max_original_bytes:,} bytes at most. Whoever "
            "has the URL can send this one picture, and needs no key for that."
        ),
        "parameters": [*_options(settings), _IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("Announcement")}},
        },
        "responses": {
            "201": json(
                "Where to send the picture.",
                "Session",
                {"session": SESSION},
                {
                    "Location": header("The status, once it has arrived.", f"/{ID}"),
                    **_REPLAYED,
                    **NO_STORE,
                },
            ),
            **problems(
                [
                    Refused,
                    InvalidOption,
                    TooLarge,
                    TooLate,
                    Busy,
                    InvalidKey,
                    KeyReused,
                    *_keys(settings),
                ]
            ),
        },
        **_security(settings),
    }


def _refused(settings: Settings) -> list[Problem]:
    return [kind for kind in family(Refused) if settings.api_keys or kind is not Unauthorized]


def _accepted(settings: Settings) -> Schema:
    location = header("The status of the upload; absent for several files.", f"/{ID}")
    id = {"id": "$response.body#/id"}
    return {
        "description": (
            "Accepted: the upload will not be lost. Of several files, at least one is accepted, "
            "and each has its own verdict."
        ),
        "headers": {"Location": maybe(location)} | _REPLAYED | NO_STORE,
        "content": {
            "application/json": {
                "schema": {"oneOf": [ref("Queued"), ref("Verdicts")]},
                "examples": {
                    "one": {"summary": "One file", "value": QUEUED},
                    "several": {"summary": "Several files", "value": VERDICTS},
                },
            }
        },
        "links": {
            "status": {"operationId": "getUpload", "parameters": id},
            "thumbnail": {
                "operationId": "getThumbnail",
                "parameters": id | {"name": settings.menu.standard[0].name},
                "description": "Of an upload that asks for nothing.",
            },
            "delete": {"operationId": "deleteUpload", "parameters": id},
        },
    }


def _or_verdicts(responses: dict[str, Schema]) -> dict[str, Schema]:
    """Say that several files of which none was accepted are answered one by one."""
    for status in ("400", "415", "422", "503"):
        responses[status]["content"]["application/json"] = {"schema": ref("Verdicts")}
        headers = responses[status].get("headers", {}) | NO_STORE | _REPLAYED
        responses[status]["headers"] = {name: maybe(value) for name, value in headers.items()}
    return responses


def _status(settings: Settings) -> Schema:
    examples = {"queued": QUEUED, "done": DONE, "failed": FAILED}
    return {
        "operationId": "getUpload",
        "tags": ["uploads"],
        "summary": "How an upload stands",
        "parameters": [_wait(settings)],
        "responses": {
            "200": json("Queued, done or failed.", "Status", examples, NO_STORE),
            **problems([InvalidOption, NotFound]),
        },
    }


def _delete(settings: Settings) -> Schema:
    return {
        "operationId": "deleteUpload",
        "tags": ["uploads"],
        "summary": "Forget an upload",
        "description": (
            "The original, its thumbnails and its status are gone. Caches may keep thumbnails that "
            "they were given before."
        ),
        "responses": {
            "204": {"description": "Deleted.", "headers": NOSNIFF},
            **problems([NotFound, *_keys(settings)]),
        },
        **_security(settings),
    }


def _keys(settings: Settings) -> list[Problem]:
    return [Unauthorized] if settings.api_keys else []


def _security(settings: Settings) -> Schema:
    """Say which key is needed, by a service that needs one."""
    return {"security": [{name: []} for name in KEYS]} if settings.api_keys else {}


def _thumbnail(settings: Settings) -> Schema:
    for_ever = header("It never changes.", "public, max-age=31536000, immutable")
    name = header("With `download`: the name to save it under.", 'attachment; filename="cat.jpg"')
    known = {
        "ETag": ETAG,
        "Cache-Control": for_ever,
        "Accept-Ranges": header("Parts may be asked for.", "bytes"),
        "Content-Disposition": maybe(name),
        **NOSNIFF,
    }
    part = {"Content-Range": header("Which bytes these are.", "bytes 0-999/7712")}
    content = {media_type: {"schema": BINARY} for media_type in THUMBNAIL_TYPES}
    return {
        "operationId": "getThumbnail",
        "tags": ["thumbnails"],
        "summary": "The picture",
        "parameters": [_wait(settings), _DOWNLOAD, IF_NONE_MATCH, _RANGE, _IF_RANGE],
        "responses": {
            "200": {"description": "The thumbnail.", "headers": known, "content": content},
            "206": {
                "description": "The bytes that `Range` asks for.",
                "headers": known | part,
                "content": content,
            },
            "304": {"description": "It is what `If-None-Match` names.", "headers": known},
            **problems(
                [
                    InvalidOption,
                    NotFound,
                    NotReady,
                    RangeNotSatisfiable,
                    *family(Unprocessable),
                ]
            ),
        },
    }


def _wait(settings: Settings) -> Schema:
    return {
        "name": "wait",
        "in": "query",
        "description": (
            "Hold the answer back until the job has ended, for so many seconds; "
            f"{settings.max_wait_seconds} at most, more counts as that."
        ),
        "schema": {"type": "number", "minimum": 0, "default": 0},
        "example": 20,
    }
