"""gRPC methods: parse requests, serialize responses, and turn errors into status codes."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from emulator.pubsub import protos
from emulator.pubsub.rules.errors import (
    AckIdsRefused,
    InvalidArgument,
    PubsubError,
    SchemaMismatch,
    Unimplemented,
)

# gRPC's classes have no types.
Context = Any
Method = Any

Handler = Callable[[Any], Any | Awaitable[Any]]
Enclosing = Callable[[], AbstractAsyncContextManager[None]]

# Longer texts, which quote a request, would exceed what gRPC allows in headers.
_MAX_TEXT = 1000

_REQUESTS = {"CreateTopic": protos.Topic, "CreateSubscription": protos.Subscription}


def unary(handlers: Mapping[str, Handler], within: Enclosing = nullcontext) -> dict[str, Method]:
    """Return methods with one request and one response.

    Args:
        handlers: By name of the method. Each returns or awaits a protobuf message, a serialized
            one, or None for an empty one.
        within: Context in which handlers run; it exits before the response is sent.
    """
    return {
        name: _unary(_REQUESTS.get(name) or getattr(protos, f"{name}Request"), handle, within)
        for name, handle in handlers.items()
    }


def _unary(request_type: Any, handle: Handler, within: Enclosing) -> Method:

    async def call(request: bytes, context: Context) -> Any:
        try:
            parsed = parse(request_type, request)
            async with within():
                response = handle(parsed)
                return await response if inspect.isawaitable(response) else response
        except PubsubError as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(call, response_serializer=serialize)


def parse(request_type: Any, request: bytes) -> Any:
    """Parse a request.

    Raises:
        InvalidArgument: If it is not a valid message of this type.
    """
    try:
        return request_type.FromString(request)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.full_name
        raise InvalidArgument(f"The request is not a {name}: {error}") from None


class UnknownMethods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every unknown method with `UNIMPLEMENTED`."""

    def service(self, handler_call_details: Any) -> Method:
        """Return a method that refuses every call."""
        name = handler_call_details.method

        async def call(_request: Any, context: Context) -> None:
            await refuse(
                context, Unimplemented(f"{name}: this broker does not do that, only Google Cloud.")
            )

        return grpc.unary_unary_rpc_method_handler(call)


async def refuse(context: Context, error: PubsubError) -> None:
    """End a call with the status code of an error."""
    text = str(error)[:_MAX_TEXT]
    await context.abort(grpc.StatusCode[error.code], text, _trailers(error, text))


def _trailers(error: PubsubError, text: str) -> tuple[tuple[str, bytes], ...]:
    """Return the trailer with details that client libraries understand, if there are some."""
    info = _details(error)
    if info is None:
        return ()
    info.domain = "pubsub.googleapis.com"
    status = Status(code=grpc.StatusCode[error.code].value[0], message=text)
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _details(error: PubsubError) -> ErrorInfo | None:
    match error:
        case AckIdsRefused():
            return ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", metadata=error.reasons)
        case SchemaMismatch():
            metadata = {
                "message": "Message failed schema validation",
                "revisionInfo": error.detail[:_MAX_TEXT],
            }
            return ErrorInfo(reason=error.reason, metadata=metadata)
    return None


def serialize(response: Any) -> bytes:
    """Serialize a protobuf message; bytes stay as they are, and None is an empty message."""
    if response is None or isinstance(response, bytes):
        return response or b""
    serialized: bytes = response.SerializeToString()
    return serialized
