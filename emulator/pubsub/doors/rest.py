"""The REST API: HTTP requests with JSON as methods of the API.

https://docs.cloud.google.com/pubsub/docs/reference/rest and, for the mapping,
https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from emulator.pubsub import protos
from emulator.pubsub.doors import routes
from emulator.pubsub.doors.calls import Unary, status
from emulator.pubsub.doors.http_server import Request, Response
from emulator.pubsub.doors.origins import Origins, is_preflight, preflight, shared
from emulator.pubsub.doors.publish_json import add_messages
from emulator.pubsub.rules.errors import InvalidArgument, PubsubError

# Parameters that every method has.
# https://docs.cloud.google.com/apis/docs/system-parameters
_SYSTEM_PARAMETERS = frozenset(
    {"access_token", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint"}
    | {"quotaUser", "userIp", "userProject", "uploadType", "upload_protocol"}
)

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}

_SNAKE = re.compile(r"_([a-z0-9])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


class Rest:
    """Answers the requests of the REST API."""

    def __init__(self, methods: Mapping[str, Unary], origins: Origins) -> None:
        """Serve methods.

        Args:
            methods: By name, all that have a route.
            origins: Which web pages may use it.
        """
        self._methods = methods
        self._origins = origins

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        headers = request.headers
        if reason := self._origins.refusal(headers):
            return _error("PERMISSION_DENIED", reason)
        if is_preflight(request.method, headers):
            return Response(204, headers=[*preflight(headers), *shared(headers)])
        response = await self._serve(request)
        return Response(response.status, response.body, [*response.headers, *shared(headers)])

    async def _serve(self, request: Request) -> Response:
        # The emulators' way to say that they are ready.
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return Response(200, b"Ok\n", [("Content-Type", "text/plain; charset=utf-8")])
        found = routes.find(request.method, request.path)
        if found is None:
            shown = f"{request.method} {request.path}"[:200]
            return _error("NOT_FOUND", f"{shown}: there is no such method.")
        route, resource = found
        method = self._methods[route.name]
        try:
            message = method.request()
            parameters = _parameters(request.query)
            _fill(message, route.body, request.body)
            _bind(message, parameters)
            _set(message, route.variable, resource)
            result = await method.run(message)
        except PubsubError as error:
            return _json(_HTTP_STATUS.get(error.code, 500), {"error": _described(status(error))})
        numbers = "enum-encoding=int" in parameters.get("$alt", [""])[0]
        return _json(200, _document(route.name, result, numbers=numbers))


def _fill(message: Any, field: str, body: bytes) -> None:
    """Set a field of a request, or all for `*`, to what the body contains.

    Raises:
        InvalidArgument: If it is not valid JSON, or does not fit.
    """
    if not (field and body):
        return
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from None
    target = message if field == "*" else getattr(message, field)
    if field != "*":
        target.SetInParent()
    _parse(document, target)


def _parse(document: Any, target: Any) -> None:
    """Merge JSON into a message."""
    try:
        if not isinstance(document, dict):
            raise InvalidArgument("Invalid JSON payload received. It is not an object.")
        if target.DESCRIPTOR is protos.PublishRequest.DESCRIPTOR and add_messages(target, document):
            return
        json_format.ParseDict(_adapted(document, target.DESCRIPTOR), target)
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidArgument(f"Invalid JSON payload received. {reason}") from None


def _adapted(document: dict[str, Any], descriptor: Any) -> dict[str, Any]:
    """Return JSON in which `json_format` reads what Google's servers read.

    Raises:
        InvalidArgument: If the base64 of a `bytes` field has other characters, which `json_format`
            would ignore.
    """
    adapted = dict(document)
    for field in descriptor.fields:
        name = field.json_name if field.json_name in document else field.name
        value = document.get(name)
        if value is None:
            continue
        if field.type == field.TYPE_BYTES:
            if not (isinstance(value, str) and _BASE64.fullmatch(value)):
                raise InvalidArgument(f"Invalid JSON payload received. {name} is not base64.")
        elif field.message_type is FieldMask.DESCRIPTOR and isinstance(value, str):
            # Both spellings are read: `ackDeadlineSeconds` and `ack_deadline_seconds`.
            adapted[name] = _SNAKE.sub(lambda found: found[1].upper(), value)
        elif field.message_type and not field.message_type.GetOptions().map_entry:
            inner = field.message_type
            if isinstance(value, dict):
                adapted[name] = _adapted(value, inner)
            elif isinstance(value, list):
                adapted[name] = [_adapted(x, inner) if isinstance(x, dict) else x for x in value]
    return adapted


def _parameters(query: str) -> dict[str, list[str]]:
    """Return the query parameters by name."""
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    return parameters


def _bind(message: Any, parameters: Mapping[str, list[str]]) -> None:
    """Set the fields that query parameters name.

    Raises:
        InvalidArgument: If there is no such field, or the value does not fit.
    """
    document: dict[str, Any] = {}
    for name, values in parameters.items():
        if name in _SYSTEM_PARAMETERS or name.startswith("$"):
            continue
        *parents, last = name.split(".")
        inner, descriptor = document, message.DESCRIPTOR
        for parent in parents:
            field = _field(descriptor, parent)
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise InvalidArgument(
                    f'The query parameters "{name}" and "{parent}" exclude each other.'
                )
            descriptor = field and field.message_type
        field = _field(descriptor, last)
        if field is None:
            raise InvalidArgument(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query'
                " parameter. Field could not be found in request message."
            )
        typed = [value == "true" for value in values] if field.type == field.TYPE_BOOL else values
        inner[last] = typed if field.is_repeated else typed[-1]
    if document:
        _parse(document, message)


def _field(descriptor: Any, name: str) -> Any:
    """Return a field by its name in JSON or in protobuf; None if there is none."""
    if descriptor is None:
        return None
    for field in descriptor.fields:
        if name in (field.json_name, field.name):
            return field
    return None


def _set(message: Any, path: str, value: str) -> None:
    """Set the field that a path names, such as `topic.name`."""
    *parents, last = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, last, value)


def _document(name: str, result: Any, *, numbers: bool) -> Any:
    """Return the result of a method as JSON."""
    if result is None:
        return {}
    if isinstance(result, bytes):
        result = getattr(protos, f"{name}Response").FromString(result)
    return json_format.MessageToDict(result, use_integers_for_enums=numbers)


def _error(code: str, message: str) -> Response:
    return _json(
        _HTTP_STATUS[code], {"error": _described(Status(code=Code.Value(code), message=message))}
    )


def _described(error: Status) -> dict[str, Any]:
    """Return a `google.rpc.Status` as Google's servers write it."""
    name = Code.Name(error.code)
    described: dict[str, Any] = {
        "code": _HTTP_STATUS.get(name, 500),
        "message": error.message,
        "status": name,
    }
    if error.details:
        described["details"] = json_format.MessageToDict(error)["details"]
    return described


def _json(code: int, document: Any) -> Response:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(
        code,
        body,
        [
            ("Content-Type", "application/json; charset=UTF-8"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
