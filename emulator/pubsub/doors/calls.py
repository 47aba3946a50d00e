"""How gRPC methods are served: requests in, responses or a status code out."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from emulator.pubsub.journal.journal import JournalFailed
from emulator.pubsub.rules.errors import InvalidArgument, PubsubError, StaleAckIds, Unimplemented

# gRPC's classes have no types.
Context = Any
Method = Any


def unary(request_type: Any, handle: Callable[[Any], Any | Awaitable[Any]]) -> Method:
    """Serve a method that takes one request and gives one response.

    Args:
        request_type: Protobuf class of the request.
        handle: Returns (or awaits) a protobuf message, or one that is serialized already.
    """

    async def call(request: bytes, context: Context) -> Any:
        try:
            response = handle(parse(request_type, request))
            return await response if inspect.isawaitable(response) else response
        except (PubsubError, JournalFailed) as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(call, response_serializer=serialize)


def parse(request_type: Any, request: bytes) -> Any:
    """Return the protobuf message that a request is.

    Raises:
        InvalidArgument: If it is none.
    """
    try:
        return request_type.FromString(request)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.full_name
        raise InvalidArgument(f"The request is not a {name}: {error}") from None


class UnknownMethods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Says plainly that this broker does not have a method, whatever it is."""

    def service(self, handler_call_details: Any) -> Method:
        """Return a method that refuses every call."""
        name = handler_call_details.method

        async def call(_request: Any, context: Context) -> None:
            await refuse(
                context, Unimplemented(f"{name}: this broker does not do that, only Google Cloud.")
            )

        return grpc.unary_unary_rpc_method_handler(call)


async def refuse(context: Context, error: Exception) -> None:
    """End a call with the status that an error stands for."""
    # Clients try again what is UNAVAILABLE, and succeed once the journal can be written.
    code = error.code if isinstance(error, PubsubError) else "UNAVAILABLE"
    trailers = _details(error) if isinstance(error, StaleAckIds) else ()
    await context.abort(grpc.StatusCode[code], str(error), trailers)


def _details(error: StaleAckIds) -> tuple[tuple[str, bytes], ...]:
    """Return the trailer in which client libraries look up which ack ids were stale."""
    status = Status(code=grpc.StatusCode[error.code].value[0], message=str(error))
    status.details.add().Pack(
        ErrorInfo(
            reason="EXACTLY_ONCE_ACKID_FAILURE",
            domain="pubsub.googleapis.com",
            metadata=dict.fromkeys(error.ack_ids, "PERMANENT_FAILURE_INVALID_ACK_ID"),
        )
    )
    return (("grpc-status-details-bin", status.SerializeToString()),)


def serialize(response: Any) -> bytes:
    """Return a response as bytes, whether it is a protobuf message or bytes already."""
    if isinstance(response, bytes):
        return response
    serialized: bytes = response.SerializeToString()
    return serialized
