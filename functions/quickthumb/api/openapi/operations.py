"""The operations on uploads and thumbnails, and with those of the service all paths."""

from typing import Any

from quickthumb import problems
from quickthumb.api.idempotency import MAX_KEY
from quickthumb.api.openapi import parts, schemas, service
from quickthumb.api.openapi.parts import answer, header, json, maybe, operation, parameter, refusals
from quickthumb.api.openapi.schemas import ID, Schema, ref
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.settings import Settings

_ID = parameter("path", "id", "Of the upload.", ref("Id"), ID)
_NAME = parameter(
    "path",
    "name",
    "Of the thumbnail: the size that was asked for, or a name that is set.",
    {"type": "string", "pattern": "^([1-9][0-9]{0,3}|[a-z][a-z0-9_-]{0,31})$"},
    "256",
)
_DOWNLOAD = parameter(
    "query",
    "download",
    "1 has browsers save the thumbnail, under the original's name with the thumbnail's added.",
    {"type": "integer", "enum": [0, 1], "default": 0},
)
_RANGE = parameter(
    "header",
    "Range",
    "The bytes to send. Several ranges, or what is no range of bytes, get the whole.",
    {"type": "string"},
    "bytes=0-999",
)
_IF_RANGE = parameter(
    "header",
    "If-Range",
    "An `ETag`: where it is not the right one, the whole is sent.",
    {"type": "string"},
)
_IDEMPOTENCY_KEY = parameter(
    "header",
    "Idempotency-Key",
    "A UUID, for example: another one for each request, and the same for every attempt at it. What "
    "is sent again under the same key within a day is done once, and gets the first answer.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
)
_REPLAYED = maybe(
    {
        "Idempotent-Replayed": header(
            "This is the answer to an earlier request with the same `Idempotency-Key`.", "true"
        )
    }
)
_PICTURES = {
    each: {"schema": schemas.BINARY}
    for each in ("application/octet-stream", *CONTENT_TYPES.values())
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
    own = service.paths(settings)
    return {
        "/": {"post": _create(settings), **own.pop("/")},
        "/uploads": {"post": _announce(settings)},
        "/{id}": {"parameters": [_ID], "get": _status(settings), "delete": _delete(settings)},
        "/{id}/{name}": {"parameters": [_ID, _NAME], "get": _thumbnail(settings)},
        **own,
    }


def _create(settings: Settings) -> Schema:
    refused = [
        kind
        for kind in problems.family(problems.Refused)
        if settings.api_keys or kind is not problems.Unauthorized
    ]
    several = refusals([*refused, *problems.family(problems.Unprocessable), problems.Busy])
    for status in ("400", "415", "422", "503"):  # of several files of which none was accepted
        several[status]["content"]["application/json"] = {"schema": ref("Verdicts")}
        several[status]["headers"] = maybe(several[status]["headers"] | parts.NO_STORE) | _REPLAYED
    return _change(
        settings,
        "createUpload",
        "Send a picture, or several",
        "The body is a picture, or a form with pictures in the field `file`. The answer comes as "
        "soon as the pictures are stored; the thumbnails are made afterwards, and their links are "
        f"in the answer. A request has {settings.max_upload_bytes:,} bytes at most. What a picture "
        "is, is told from its bytes; its name and content type do not matter. An option is a query "
        "parameter or, in a form, a field, and not both.",
        {"202": _accepted(settings)} | several,
        requestBody={
            "required": True,
            "content": {"multipart/form-data": {"schema": ref("Form")}} | _PICTURES,
        },
        parameters=_parameters(settings),
    )


def _announce(settings: Settings) -> Schema:
    location = {"Location": header("The status, once it has arrived.", f"/{ID}")}
    session = json(ref("Session"), session=schemas.SESSION)
    kinds = [
        problems.Refused,
        problems.InvalidOption,
        problems.TooLarge,
        problems.TooLate,
        problems.Busy,
        problems.InvalidKey,
        problems.KeyReused,
    ]
    return _change(
        settings,
        "announceUpload",
        "Announce a picture that is too large for a request",
        "The answer has a URL of Cloud Storage. `PUT` the picture there, within a week, and go on "
        "where a connection broke off, by the protocol of resumable uploads "
        "(https://docs.cloud.google.com/storage/docs/performing-resumable-uploads). Once all of "
        "its bytes have arrived the upload is queued; until then it is not known, and its status "
        f"is 404. A picture has {settings.max_original_bytes:,} bytes at most. Whoever has the URL "
        "can send this one picture, and needs no key for that.",
        {
            "201": answer(
                "Where to send the picture.", session, location | _REPLAYED | parts.NO_STORE
            )
        }
        | refusals([*kinds, *_keys(settings)]),
        requestBody={"required": True, "content": json(ref("Announcement"))},
        parameters=_parameters(settings),
    )


def _accepted(settings: Settings) -> Schema:
    location = {"Location": header("The status of the upload; absent for several files.", f"/{ID}")}
    id = {"id": "$response.body#/id"}
    name = {"name": settings.menu.standard[0].name}
    content = json(
        {"oneOf": [ref("Queued"), ref("Verdicts")]}, one=schemas.QUEUED, several=schemas.VERDICTS
    )
    accepted = answer(
        "Accepted: the upload will not be lost. Of several files, at least one is accepted, and "
        "each has its own verdict.",
        content,
        maybe(location) | _REPLAYED | parts.NO_STORE,
    )
    return accepted | {
        "links": {
            "status": {"operationId": "getUpload", "parameters": id},
            "thumbnail": {
                "operationId": "getThumbnail",
                "parameters": id | name,
                "description": "Of an upload that gets the default thumbnails.",
            },
            "delete": {"operationId": "deleteUpload", "parameters": id},
        }
    }


def _status(settings: Settings) -> Schema:
    content = json(ref("Status"), queued=schemas.QUEUED, done=schemas.DONE, failed=schemas.FAILED)
    return operation(
        "uploads",
        "getUpload",
        "How an upload stands",
        "With `wait`, the answer comes as soon as the job has ended.",
        {"200": answer("Queued, done or failed.", content, parts.NO_STORE)}
        | refusals([problems.InvalidOption, problems.NotFound]),
        parameters=[_wait(settings)],
    )


def _delete(settings: Settings) -> Schema:
    return _change(
        settings,
        "deleteUpload",
        "Forget an upload",
        "The original, its thumbnails and its status are gone. Caches may keep thumbnails that "
        "they were given before.",
        {"204": {"description": "Deleted.", "headers": parts.NOSNIFF}}
        | refusals([problems.NotFound, *_keys(settings)]),
    )


def _thumbnail(settings: Settings) -> Schema:
    name = header("With `download`: the name to save it under.", 'attachment; filename="cat.jpg"')
    known = {
        **parts.ETAG,
        "Cache-Control": header("It never changes.", "public, max-age=31536000, immutable"),
        "Accept-Ranges": header("Parts may be asked for.", "bytes"),
        **maybe({"Content-Disposition": name}),
        **parts.NOSNIFF,
    }
    part = {"Content-Range": header("Which bytes these are.", "bytes 0-999/7712")}
    content = {media_type: {"schema": schemas.BINARY} for media_type in THUMBNAIL_TYPES}
    kinds = [
        problems.InvalidOption,
        problems.NotFound,
        problems.NotReady,
        problems.RangeNotSatisfiable,
        *problems.family(problems.Unprocessable),
    ]
    return operation(
        "thumbnails",
        "getThumbnail",
        "The picture",
        "It never changes, and may be kept for ever.",
        {
            "200": answer("The thumbnail.", content, known),
            "206": answer("The bytes that `Range` asks for.", content, known | part),
            "304": parts.unchanged(known),
            **refusals(kinds),
        },
        parameters=[_wait(settings), _DOWNLOAD, parts.IF_NONE_MATCH, _RANGE, _IF_RANGE],
    )


def _change(settings: Settings, *told: Any, **more: Any) -> Schema:
    """Return an operation that needs a key, where the service has any."""
    if settings.api_keys:
        more["security"] = [{name: []} for name in KEYS]
    return operation("uploads", *told, **more)


def _keys(settings: Settings) -> list[type[problems.Unauthorized]]:
    return [problems.Unauthorized] if settings.api_keys else []


def _parameters(settings: Settings) -> list[Schema]:
    """Return every option as a query parameter, and the key of a request."""
    given = schemas.options(settings).items()
    return [*(parameter("query", name, *told) for name, told in given), _IDEMPOTENCY_KEY]


def _wait(settings: Settings) -> Schema:
    return parameter(
        "query",
        "wait",
        "Hold the answer back until the job has ended, for so many seconds; "
        f"{settings.max_wait_seconds} at most, more counts as that.",
        {"type": "number", "minimum": 0, "default": 0},
        20,
    )
