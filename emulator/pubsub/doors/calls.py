"""Methods of the API, and how gRPC serves them.

Requests are parsed, responses serialized, and errors turned into status codes.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Unary:
    """A method with one request and one response.

    Attributes:
        request: Type of the request.
        run: Returns the response: a protobuf message, a serialized one, or None for an empty one.
            Raises a `PubsubError` if the request is refused.
    """

    request: Any
    run: Callable[[Any], Awaitable[Any]]


def unary(handlers: Mapping[str, Handler], within: Enclosing = nullcontext) -> dict[str, Unary]:
    """Return methods with one request and one response.

    Args:
        handlers: By name of the method. Each returns or awaits a protobuf message, a serialized
            one, or None for an empty one.
        within: Context in which handlers run; it exits before the response is sent.
    """
    return {
        name: Unary(
            _REQUESTS.get(name) or getattr(protos, f"{name}Request"), _enclosed(handle, within)
        )
        for name, handle in handlers.items()
    }


def _enclosed(handle: Handler, within: Enclosing) -> Callable[[Any], Awaitable[Any]]:

    async def run(request: Any) -> Any:
        async with within():
            response = handle(request)
            return await response if inspect.isawaitable(response) else response

    return run


def served(methods: Mapping[str, Unary]) -> dict[str, Method]:
    """Return methods as gRPC serves them."""
    return {name: _served(method) for name, method in methods.items()}


def _served(method: Unary) -> Method:
    request_type, run = method.request, method.run

    async def call(request: bytes, context: Context) -> Any:
        try:
            return await run(parse(request_type, request))
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
    described = status(error)
    trailers: tuple[tuple[str, bytes], ...] = ()
    if described.details:
        trailers = (("grpc-status-details-bin", described.SerializeToString()),)
    await context.abort(grpc.StatusCode[error.code], described.message, trailers)


def status(error: PubsubError) -> Any:
    """Return an error as a `google.rpc.Status`, with the details that client libraries read."""
    text = str(error)[:_MAX_TEXT]
    described = Status(code=grpc.StatusCode[error.code].value[0], message=text)
    match error:
        case AckIdsRefused():
            info = ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", metadata=error.reasons)
        case SchemaMismatch():
            metadata = {
                "message": "Message failed schema validation",
                "revisionInfo": error.detail[:_MAX_TEXT],
            }
            info = ErrorInfo(reason=error.reason, metadata=metadata)
        case _:
            return described
    info.domain = "pubsub.googleapis.com"
    described.details.add().Pack(info)
    return described


def serialize(response: Any) -> bytes:
    """Serialize a protobuf message; bytes stay as they are, and None is an empty message."""
    if response is None or isinstance(response, bytes):
        return response or b""
    serialized: bytes = response.SerializeToString()
    return serialized
