"""The operations on uploads and thumbnails; `paths` adds those about the service."""

from collections.abc import Iterable
from typing import Any

from quickthumb import problems
from quickthumb.api.access import FIELD
from quickthumb.api.idempotency import MAX_KEY
from quickthumb.api.openapi import parts, schemas, service
from quickthumb.api.openapi.parts import answer, header, json, maybe, operation, parameter, refusals
from quickthumb.api.openapi.schemas import ID, Schema, ref
from quickthumb.api.signatures import SIGNATURE
from quickthumb.api.uploaded import PAGE
from quickthumb.api.uploads import MAX_IDS
from quickthumb.documents import metadata
from quickthumb.imaging.formats import CONTENT_TYPES, THUMBNAIL_TYPES
from quickthumb.settings import Settings

_ID = parameter("path", "id", "Of the upload.", ID, **ref("Id"))
_NAME = parameter(
    "path",
    "name",
    "Of the thumbnail: a requested size, the name of a rendition, or a size with options.",
    "256",
    type="string",
    pattern=(
        "^([1-9][0-9]{0,3}(x[1-9][0-9]{0,3})?([.][a-z]{1,5}|(-[a-z0-9.]{1,13}){0,8})"
        "|[a-z][a-z0-9_-]{0,36})$"
    ),
)
_SAVE = "1 makes browsers save the thumbnail, under a name like cat_256.jpg."
_DOWNLOAD = parameter("query", "download", _SAVE, type="integer", enum=[0, 1], default=0)
_ON_DEMAND = (
    " A size such as 400x300.webp, with options in the query, is made when its address is first "
    "requested, if the service allows it; the response then waits as with `wait`."
)
_SIGNED = "HMAC-SHA256 of path and query by a key of the service, for any size and options."
_IDEMPOTENCY_KEY = parameter(
    "header",
    "Idempotency-Key",
    "A unique key for each request, such as a UUID, and the same for its retries. A request that "
    "is repeated with the same key within a day is not processed again: it gets the first answer.",
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

_GONE_ON = {
    "description": "Accepted, from a form of a browser or with `next`.",
    "headers": {
        "Location": header("A page, with the ids of the uploads.", f"/uploaded?id={ID}"),
        **parts.NO_STORE,
    },
}

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
    all_of_them: dict[str, Any] = {
        "/": {"post": _create(settings), "delete": _delete_named(settings), **own.pop("/")},
        "/uploads": {"get": _statuses(settings), "post": _announce(settings)},
        PAGE: {"get": _uploaded(settings)},
        "/tokens": {"post": _grant(settings)},
        "/{id}": {
            "parameters": [_ID],
            "get": _status(settings),
            "post": _grow(settings),
            "delete": _delete(settings),
        },
        "/{id}/{name}": {"parameters": [_ID, _NAME], "get": _thumbnail(settings)},
        **own,
    }
    for item in all_of_them.values():
        for method in ("get", "delete"):
            if method in item:
                parts.conditional(item[method])
    return all_of_them


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
        "query parameter or a form field. A form whose client prefers `text/html`, as browsers do, "
        "is answered with a redirect to a page that shows the thumbnails.",
        {"202": _accepted(settings), "303": _GONE_ON} | several,
        requestBody={
            "required": True,
            "content": {"multipart/form-data": {"schema": ref("Form")}} | _pictures(types),
        },
        parameters=[*_options(settings), *_next(settings)],
    )


def _announce(settings: Settings) -> Schema:
    location = {"Location": header("The status, once the picture has arrived.", f"/{ID}")}
    session = json(ref("Session"), session=schemas.SESSION)
    headers = location | _REPLAYED | parts.NO_STORE
    kinds = [
        *(problems.Refused, problems.InvalidOption, problems.InvalidMetadata),
        *(problems.TooLarge, problems.TooLate),
        *(problems.Busy, problems.InvalidKey, problems.KeyReused, problems.Unauthorized),
        problems.UnsupportedEncoding,
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
        parameters=[_wait(settings), parts.IF_MATCH],
    )


def _grow(settings: Settings) -> Schema:
    location = {"Location": header("The status of the upload.", f"/{ID}")}
    accepted = json(ref("Queued"), queued=schemas.QUEUED)
    kinds: list[parts.Problem] = [
        *(problems.Refused, problems.InvalidOption, problems.TooLarge, problems.TooLate),
        *(problems.Busy, problems.NotFound, problems.Unauthorized),
        *problems.family(problems.NoMore),
    ]
    return _change(
        settings,
        "growUpload",
        "Ask for further thumbnails of an upload",
        "Makes those that an upload with these options would get, and this one lacks. They are "
        "named by their size and options, such as 480-cover; the links in the response tell. A "
        "thumbnail that is there is not made again, so the request can be repeated.",
        {
            "200": answer(
                "All of them are there.",
                json(ref("Done"), done=schemas.DONE),
                location | parts.NO_STORE,
            ),
            "202": answer(
                "They will be made. Each link waits with `wait`, and says if it failed.",
                accepted,
                location | parts.NO_STORE,
            ),
        }
        | _refusals(settings, *kinds),
        requestBody={
            "description": "Options, instead of query parameters.",
            "content": json(ref("Options")),
        },
        parameters=_query_options(settings),
    )


def _statuses(settings: Settings) -> Schema:
    about = f"Of the uploads, separated by commas; {MAX_IDS} at most."
    pattern = f"^[0-9a-f]{{32}}(,[0-9a-f]{{32}}){{0,{MAX_IDS - 1}}}$"
    ids = parameter("query", "ids", about, ID, type="string", pattern=pattern)
    content = json(ref("Statuses"), several=schemas.STATUSES)
    return operation(
        "uploads",
        "getUploads",
        "Get the statuses of several uploads",
        "One request instead of several that wait. With `wait`, the response is sent as soon as "
        "any of the jobs has ended, or one of the uploads does not exist.",
        {"200": answer("The uploads in the order of `ids`.", content, parts.NO_STORE)}
        | refusals(problems.InvalidOption),
        parameters=[{**ids, "required": True}, _wait(settings)],
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
        parameters=[parts.IF_MATCH],
    )


def _delete_named(settings: Settings) -> Schema:
    id = {"schema": ref("Id")}
    return _change(
        settings,
        "deleteNamedUpload",
        "Delete the upload that the body names",
        "For upload widgets, which send back what answered an upload: its JSON, or its id.",
        {"204": {"description": "Deleted.", "headers": parts.NOSNIFF}}
        | _refusals(
            settings,
            *(problems.Refused, problems.NotFound, problems.Unauthorized),
            *(problems.TooLarge, problems.TooLate, problems.Busy, problems.UnsupportedEncoding),
            *_OF_TOKENS,
        ),
        requestBody={
            "required": True,
            "content": {"text/plain": id} | json(ref("Named"), this={"id": ID}),
        },
        parameters=[parts.IF_MATCH],
    )


def _uploaded(settings: Settings) -> Schema:
    ids = {
        **{"type": "array", "items": {"type": "string"}},
        **{"minItems": 1, "maxItems": settings.max_files},
    }
    return operation(
        "uploads",
        "showUploads",
        "Show the thumbnails of uploads",
        "A page without scripts, to which a form of a browser is redirected.",
        {
            "200": answer(
                "The page.", {"text/html": service.TEXT}, parts.NO_STORE | service.OF_A_PAGE
            )
        }
        | refusals(problems.InvalidOption),
        parameters=[parameter("query", "id", "Of an upload.", [ID], **ids) | {"required": True}],
    )


def _thumbnail(settings: Settings) -> Schema:
    name = header("With `download`: the file name.", 'attachment; filename="cat.jpg"')
    known = {
        **parts.ETAG,
        "Cache-Control": header("It never changes.", "public, max-age=31536000, immutable"),
        "Accept-Ranges": header("Ranges are supported.", "bytes"),
        "Cross-Origin-Resource-Policy": header("Any page may show it.", "cross-origin"),
        "Timing-Allow-Origin": header("Any page may measure how long it takes.", "*"),
        **maybe({"Content-Disposition": name}),
        **parts.NOSNIFF,
    }
    vary = header("`Accept`, if it chose the format.", "Accept")
    known |= maybe({"Vary": vary})
    part = {"Content-Range": header("The range sent.", "bytes 0-999/7712")}
    content = _pictures(THUMBNAIL_TYPES)
    found: list[parts.Problem] = [problems.InvalidOption, problems.NotFound, problems.NotReady]
    found += problems.family(problems.NoMore)
    about, options = "It never changes, and can be cached forever.", list[Schema]()
    if settings.on_demand or settings.signing_keys:
        found.append(problems.NotAllowed)
        about += _ON_DEMAND
        if settings.on_demand:
            listed = ", ".join(each.name for each in settings.on_demand)
            about += f" Allowed without a signature: {listed}."
        described = schemas.options(settings, always=True).items()
        options = [
            parameter("query", name, meaning, **schema)
            for name, (meaning, schema) in described
            if name != "sizes"
        ]
        options.append(parameter("query", SIGNATURE, _SIGNED, pattern="^[0-9a-f]{64}$"))
    refused = refusals(
        *found, problems.RangeNotSatisfiable, *problems.family(problems.Unprocessable)
    )
    refused["404"]["headers"] |= maybe({"Vary": vary})
    return operation(
        "thumbnails",
        "getThumbnail",
        "Get a thumbnail",
        about,
        {
            "200": answer("The thumbnail.", content, known),
            "206": answer("The bytes requested by `Range`.", content, known | part),
            "304": parts.unchanged(known),
            **refused,
        },
        parameters=[
            *(_wait(settings), _DOWNLOAD, *options),
            *(parts.IF_MATCH, parts.IF_NONE_MATCH, _RANGE, _IF_RANGE),
        ],
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
    return [*_query_options(settings), _METADATA, _IDEMPOTENCY_KEY]


def _query_options(settings: Settings) -> list[Schema]:
    """Return options as query parameters.

    They have neither defaults nor an example. Programs that fill these in would send options twice,
    here and in a form, and one key for different requests.
    """
    return [
        parameter("query", name, meaning, **{k: v for k, v in schema.items() if k != "default"})
        for name, (meaning, schema) in schemas.options(settings).items()
    ]


def _next(settings: Settings) -> list[Schema]:
    pages = schemas.next_page(settings).items()
    return [parameter("query", name, meaning, **schema) for name, (meaning, schema) in pages]


def _wait(settings: Settings) -> Schema:
    about = f"Seconds to wait for the job to end; {settings.max_wait_seconds} at most."
    return parameter("query", "wait", about, 20, type="number", minimum=0, default=0)
