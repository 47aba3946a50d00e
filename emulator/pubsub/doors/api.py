"""The gRPC server of `google.pubsub.v1`."""

import socket

import grpc
import grpc.aio

from emulator.pubsub.doors import calls, iam, publisher, schemas, subscriber
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.discovery import add_discovery

# Production refuses publish requests above 10 MB with an error of its own, so requests that are
# slightly larger have to get through gRPC. Each call may hold this much memory.
_MAX_RECEIVE_BYTES = 12 * 1024 * 1024

# Calls on one connection, as on Google's servers. Without a limit, tens of thousands of calls that
# are started and cancelled fill the server's queue, and it cancels those of other clients.
_MAX_STREAMS = 100

_HANDSHAKE_MILLISECONDS = 10_000  # after which a silent connection is closed


async def serve_api(host: str, port: int, backend: Backend) -> tuple[grpc.aio.Server, int]:
    """Start the server, and return it with its port.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        backend: The broker to serve.

    Raises:
        OSError: If the port is taken.
    """
    # gRPC reports the reason only in its log.
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
    services = {
        publisher.NAME: publisher.methods(backend),
        subscriber.NAME: subscriber.methods(backend),
        schemas.NAME: schemas.methods(backend),
        iam.NAME: iam.methods(backend),
    }
    server.add_generic_rpc_handlers(
        grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items()
    )
    await add_discovery(server, services, backend.stopping)
    # The last one, since it takes every call that no other takes.
    server.add_generic_rpc_handlers([calls.UnknownMethods()])
    bound: int = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server, bound
