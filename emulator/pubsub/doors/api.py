"""The gRPC server of `google.pubsub.v1`."""

import socket

import grpc
import grpc.aio

from emulator.pubsub.doors import calls, publisher, subscriber
from emulator.pubsub.doors.backend import Backend

# Production refuses publish requests above 10 MB, and says so: one that is not much larger arrives
# where it is refused with the right words. Each request at work may hold as much memory.
_MAX_RECEIVE_BYTES = 12 * 1024 * 1024

# On a connection, as Google's servers have it. Without a limit, calls that are begun and given up
# by the ten thousand fill the server's queue, and it cancels those of others.
_MAX_STREAMS = 100

_HANDSHAKE_MILLISECONDS = 10_000  # after which a connection that says nothing is closed


async def serve_api(host: str, port: int, backend: Backend) -> tuple[grpc.aio.Server, int]:
    """Start the server, and return it with its port.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        backend: What to serve.

    Raises:
        OSError: If the port is taken.
    """
    # gRPC itself only says so in its log.
    socket.create_server((host, port)).close()
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MILLISECONDS),
            ("grpc.max_send_message_length", -1),
        ]
    )
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(publisher.NAME, publisher.methods(backend)),
            grpc.method_handlers_generic_handler(subscriber.NAME, subscriber.methods(backend)),
            calls.UnknownMethods(),
        ]
    )
    bound: int = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server, bound
