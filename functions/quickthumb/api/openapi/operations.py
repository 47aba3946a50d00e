"""The operations on uploads and thumbnails; `paths` adds those about the service."""

from collections.abc import Iterable
from typing import Any

from quickthumb import problems
from quickthumb.api.access import FIELD
from quickthumb.api.idempotency import MAX_KEY
from quickthumb.api.openapi import parts, schemas, service
from quickthumb.api.openapi.parts import answer, header, json, maybe, operation, parameter, refusals
from quickthumb.api.openapi.schemas import ID, Schema, ref
from quickthumb.documents import metadata
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.settings import Settings

_ID = parameter("path", "id", "Of the upload.", ID, **ref("Id"))
_NAME = parameter(
    "path",
    "name",
    "Of the thumbnail: a requested size, or the name of a rendition.",
    "256",
    type="string",
    pattern="^([1-9][0-9]{0,3}|[a-z][a-z0-9_-]{0,31})$",
)
_SAVE = "1 makes browsers save the thumbnail, under a name like cat_256.jpg."
_DOWNLOAD = parameter("query", "download", _SAVE, type="integer", enum=[0, 1], default=0)
_IDEMPOTENCY_KEY = parameter(
    "header",
    "Idempotency-Key",
    "A unique key for each request, such as a UUID, and the same for its retries. A request that "
    "is repeated with the same key within a day is not processed again: it gets the first answer.",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    type="string",
    minLength=1,
    maxLength=MAX_KEY,
)
_METADATA = {
    **{"name": metadata.FIELD, "in": "query"},
    "description": f"{metadata.MEANING} A key can also be a parameter: `metadata[album]=7`.",
    "content": {"application/json": {"schema": metadata.SCHEMA}},
}
_REPLAYED = maybe(
    {"Idempotent-Replayed": header("The answer to an earlier request with the same key.", "true")}
)
_RANGE = parameter(
    "header", "Range", "A range of bytes; anything else, such as two, is ignored.", "bytes=0-999"
)
_IF_RANGE = parameter("header", "If-Range", "An `ETag`: `Range` is ignored unless it is current.")

KEYS = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "bearer": {
        **{"type": "http", "scheme": "bearer"},
        "description": "An API key, if Google Cloud IAM does not use `Authorization`.",
    },
}
"""Ways to send an API key."""

TOKENS = {
    "token": {
        **{"type": "apiKey", "in": "query", "name": FIELD},
        "description": "An upload token, as query parameter, or as a form field before the first "
        "file. It can also be sent as an API key.",
    },
}
"""Ways to send an upload token alone."""

_OF_TOKENS = (
    *(problems.InvalidToken, problems.TokenExpired),
    *(problems.TokenExhausted, problems.TokenScope),
)


def paths(settings: Settings) -> dict[str, Any]:
    """Return the path items."""
    own = service.paths(settings)
    return {
        "/": {"post": _create(settings), **own.pop("/")},
        "/uploads": {"post": _announce(settings)},
        "/tokens": {"post": _grant(settings)},
        "/{id}": {"parameters": [_ID], "get": _status(settings), "delete": _delete(settings)},
        "/{id}/{name}": {"parameters": [_ID, _NAME], "get": _thumbnail(settings)},
        **own,
    }


def _create(settings: Settings) -> Schema:
    kinds = (*problems.family(problems.Refused), *problems.family(problems.Unprocessable))
    several = _refusals(settings, *kinds, problems.Busy)
    for status in ("400", "415", "422", "503"):  # several files, none of them accepted
        several[status]["content"]["application/json"] = {"schema": ref("Verdicts")}
        several[status]["headers"] = maybe(several[status]["headers"] | parts.NO_STORE) | _REPLAYED
    types = ("application/octet-stream", *CONTENT_TYPES.values())
    return _upload(
        settings,
        "createUpload",
        "Upload one or more pictures",
        "The body is a picture, or a form with pictures in the field `file`, of at most "
        f"{settings.max_upload_bytes:,} bytes. The response is sent as soon as the pictures are "
        "stored, and has links to the thumbnails, which are made afterwards. The format is "
        "detected from the content; name and content type do not matter. An option is either a "
        "query parameter or a form field.",
        {"202": _accepted(settings)} | several,
        requestBody={
            "required": True,
            "content": {"multipart/form-data": {"schema": ref("Form")}} | _pictures(types),
        },
        parameters=_options(settings),
    )


def _announce(settings: Settings) -> Schema:
    location = {"Location": header("The status, once the picture has arrived.", f"/{ID}")}
    session = json(ref("Session"), session=schemas.SESSION)
    headers = location | _REPLAYED | parts.NO_STORE
    kinds = [
        *(problems.Refused, problems.InvalidOption, problems.InvalidMetadata),
        *(problems.TooLarge, problems.TooLate),
        *(problems.Busy, problems.InvalidKey, problems.KeyReused, problems.Unauthorized),
        *(*_OF_TOKENS, problems.TooManyRequests),
    ]
    return _upload(
        settings,
        "announceUpload",
        "Announce a picture that is too large for a request",
        "The response has a URL of Cloud Storage. `PUT` the picture there within a week; an "
        "interrupted upload can be resumed "
        "(https://docs.cloud.google.com/storage/docs/performing-resumable-uploads). The upload is "
        "queued once the picture has arrived completely; until then, its status is 404. The limit "
        f"is {settings.max_original_bytes:,} bytes. The URL is valid for this picture only, and "
        "needs no API key.",
        {"201": answer("Where to send the picture.", session, headers)}
        | _refusals(settings, *kinds),
        requestBody={"required": True, "content": json(ref("Announcement"))},
        parameters=_options(settings),
    )


def _grant(settings: Settings) -> Schema:
    granted = json(ref("Granted"), token=schemas.GRANTED)
    return _change(
        settings,
        "createToken",
        "Get an upload token",
        "A token allows uploads, within the bounds that it is made with, and nothing else: a web "
        "page can have it instead of an API key. It is signed, and not stored; it ends when it "
        "expires, or when its API key is revoked. 404 if the service gives no tokens.",
        {"201": answer("The token.", granted, parts.NO_STORE)}
        | _refusals(
            settings,
            *(problems.Refused, problems.InvalidOption, problems.InvalidMetadata),
            *(problems.Unauthorized, *_OF_TOKENS, problems.NotFound, problems.TooLarge),
            *(problems.TooLate, problems.Busy),
        ),
        requestBody={"required": False, "content": json(ref("Grant"))},
    )


def _accepted(settings: Settings) -> Schema:
    location = {"Location": header("The status of the upload; absent for several files.", f"/{ID}")}
    id = {"id": "$response.body#/id"}
    name = {"name": settings.menu.standard[0].name}
    content = json(
        {"oneOf": [ref("Queued"), ref("Verdicts")]}, one=schemas.QUEUED, several=schemas.VERDICTS
    )
    accepted = answer(
        "Accepted and safely stored. Of several files, at least one was accepted; each has its own "
        "result.",
        content,
        maybe(location) | _REPLAYED | parts.NO_STORE,
    )
    return accepted | {
        "links": {
            "status": {"operationId": "getUpload", "parameters": id},
            "thumbnail": {
                "operationId": "getThumbnail",
                "parameters": id | name,
                "description": "If the upload gets the default thumbnails.",
            },
            "delete": {"operationId": "deleteUpload", "parameters": id},
        }
    }


def _status(settings: Settings) -> Schema:
    content = json(ref("Status"), queued=schemas.QUEUED, done=schemas.DONE, failed=schemas.FAILED)
    return operation(
        "uploads",
        "getUpload",
        "Get the status of an upload",
        "With `wait`, the response is sent as soon as the job has ended.",
        {"200": answer("Queued, done or failed.", content, parts.NO_STORE)}
        | refusals(problems.InvalidOption, problems.NotFound),
        parameters=[_wait(settings)],
    )


def _delete(settings: Settings) -> Schema:
    return _change(
        settings,
        "deleteUpload",
        "Delete an upload",
        "Deletes the original, its thumbnails and its status. Caches may keep thumbnails that were "
        "fetched before.",
        {"204": {"description": "Deleted.", "headers": parts.NOSNIFF}}
        | _refusals(settings, problems.NotFound, problems.Unauthorized, *_OF_TOKENS),
    )


def _thumbnail(settings: Settings) -> Schema:
    name = header("With `download`: the file name.", 'attachment; filename="cat.jpg"')
    known = {
        **parts.ETAG,
        "Cache-Control": header("It never changes.", "public, max-age=31536000, immutable"),
        "Accept-Ranges": header("Ranges are supported.", "bytes"),
        **maybe({"Content-Disposition": name}),
        **parts.NOSNIFF,
    }
    part = {"Content-Range": header("The range sent.", "bytes 0-999/7712")}
    content = _pictures(THUMBNAIL_TYPES)
    found = (problems.InvalidOption, problems.NotFound, problems.NotReady)
    return operation(
        "thumbnails",
        "getThumbnail",
        "Get a thumbnail",
        "It never changes, and can be cached forever.",
        {
            "200": answer("The thumbnail.", content, known),
            "206": answer("The bytes requested by `Range`.", content, known | part),
            "304": parts.unchanged(known),
            **refusals(
                *found, problems.RangeNotSatisfiable, *problems.family(problems.Unprocessable)
            ),
        },
        parameters=[_wait(settings), _DOWNLOAD, parts.IF_NONE_MATCH, _RANGE, _IF_RANGE],
    )


def _pictures(types: Iterable[str]) -> Schema:
    return {media_type: {"schema": schemas.BINARY} for media_type in types}


def _change(settings: Settings, *about: Any, **more: Any) -> Schema:
    """Return an operation that needs an API key, if the service has any."""
    if settings.api_keys:
        more["security"] = [{name: []} for name in KEYS]
    return operation("uploads", *about, **more)


def _upload(settings: Settings, *about: Any, **more: Any) -> Schema:
    """Return an operation that needs an API key or an upload token, if the service has any."""
    described = _change(settings, *about, **more)
    if settings.gives_tokens:
        described["security"] = [{name: []} for name in (*KEYS, *TOKENS)]
    return described


def _refusals(settings: Settings, *kinds: parts.Problem) -> dict[str, Schema]:
    """Return `refusals`, without those that need API keys, tokens or quotas if there are none."""
    unused: set[parts.Problem] = set()
    if not settings.api_keys:
        unused |= {problems.Unauthorized}
    if not settings.gives_tokens:
        unused |= set(_OF_TOKENS)
        if settings.key_uploads_per_minute is settings.key_bytes_per_minute is None:
            unused |= {problems.TooManyRequests}
    return refusals(*(kind for kind in kinds if kind not in unused))


def _options(settings: Settings) -> list[Schema]:
    """Return the options of an upload as query parameters, its metadata, and `Idempotency-Key`."""
    options = schemas.options(settings).items()
    query = [parameter("query", name, meaning, **schema) for name, (meaning, schema) in options]
    return [*query, _METADATA, _IDEMPOTENCY_KEY]


def _wait(settings: Settings) -> Schema:
    about = f"Seconds to wait for the job to end; {settings.max_wait_seconds} at most."
    return parameter("query", "wait", about, 20, type="number", minimum=0, default=0)
