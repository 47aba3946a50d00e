"""The API of `google.pubsub.v1` on one port: gRPC, and JSON over HTTP."""

import asyncio
import secrets
import socket
import sys
from collections import ChainMap
from collections.abc import Mapping, Sequence

import grpc
import grpc.aio

from emulator.pubsub.doors import calls, iam, publisher, schemas, streaming, subscriber, watching
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.discovery import add_discovery
from emulator.pubsub.doors.front import Front, Joins
from emulator.pubsub.doors.http_server import HttpConnection, HttpServer
from emulator.pubsub.doors.origins import Origins
from emulator.pubsub.doors.relay import Relay
from emulator.pubsub.doors.rest import Rest

# Production refuses publish requests above 10 MB with an error of its own, so requests that are
# slightly larger have to get through gRPC. Each call may hold this much memory.
_MAX_RECEIVE_BYTES = 12 * 1024 * 1024

# Calls on one connection, as on Google's servers. Without a limit, tens of thousands of calls that
# are started and cancelled fill the server's queue, and it cancels those of other clients.
_MAX_STREAMS = 100

_WINDOW_BYTES = 1024 * 1024

_HANDSHAKE_MILLISECONDS = 10_000  # after which a silent connection is closed


class Api:
    """The running API.

    Attributes:
        grpc_port: Where gRPC alone listens, or None.
    """

    def __init__(
        self, server: grpc.aio.Server, http: HttpServer, front: Front, grpc_port: int | None
    ) -> None:
        """Take what `serve_api` started."""
        self._server = server
        self._http = http
        self._front = front
        self.grpc_port = grpc_port

    async def stop(self, grace: float) -> None:
        """Accept nothing more, and wait for calls in progress for so many seconds."""
        self._front.close()
        await asyncio.gather(self._server.stop(grace), self._http.close(grace))
        self._front.abort()


async def serve_api(
    listeners: Sequence[socket.socket],
    host: str,
    backend: Backend,
    origins: Sequence[str] = (),
    grpc_port: int | None = None,
) -> Api:
    """Start the API.

    Args:
        listeners: Sockets that listen, for gRPC and REST.
        host: What they listen on: an address or host name.
        backend: The broker to serve.
        origins: Web pages that may use it besides those of this machine.
        grpc_port: Port for gRPC alone, at the same addresses; 0 for a free one, None for no such
            port.

    Raises:
        OSError: If that port is taken.
    """
    unary = {
        service.NAME: service.methods(backend) for service in (publisher, subscriber, schemas, iam)
    }
    services = {name: calls.served(methods) for name, methods in unary.items()}
    services[subscriber.NAME]["StreamingPull"] = streaming.method(backend)
    server = await _grpc_server(services, backend)
    if grpc_port is not None:
        grpc_port = _listen_directly(server, listeners, grpc_port)
    relay = _listen_within(server)
    await server.start()
    methods = ChainMap(*unary.values())
    http = HttpServer(Rest(methods, Origins(host, origins)).answer)
    front = Front(relay, lambda: HttpConnection(http))
    await front.accept(listeners)
    return Api(server, http, front, grpc_port)


async def _grpc_server(
    services: Mapping[str, Mapping[str, calls.Method]], backend: Backend
) -> grpc.aio.Server:
    """Return gRPC's server, which does not run yet."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MILLISECONDS),
            ("grpc.max_send_message_length", -1),
            # A batch of messages passes in few pieces, and without pauses to measure the network.
            ("grpc.http2.max_frame_size", _WINDOW_BYTES),
            ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
            ("grpc.http2.bdp_probe", 0),
        ]
    )
    server.add_generic_rpc_handlers(
        grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items()
    )
    await add_discovery(server, services, backend.stopping)
    # Not among the services that tools are told of: Google's have nothing like it.
    watch = grpc.method_handlers_generic_handler(watching.NAME, watching.methods(backend))
    server.add_generic_rpc_handlers([watch])
    # The last one, since it takes every call that no other takes.
    server.add_generic_rpc_handlers([calls.UnknownMethods()])
    return server


def _listen_directly(server: grpc.aio.Server, listeners: Sequence[socket.socket], port: int) -> int:
    """Let gRPC's server listen at the addresses of other sockets, and return its port.

    Raises:
        OSError: If the port is taken.
    """
    for listener in listeners:
        address = listener.getsockname()[0]
        host = f"[{address}]" if listener.family == socket.AF_INET6 else address
        try:
            port = server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(str(error)) from error
    return port


def _listen_within(server: grpc.aio.Server) -> Joins:
    """Let gRPC's server listen where only this machine reaches it; return what joins clients to it.

    On Linux that is a Unix socket in the abstract namespace, which is faster and leaves no file;
    elsewhere a port on 127.0.0.1.
    """
    if sys.platform == "linux":
        from emulator.pubsub.doors.splice import SpliceRelay

        name = f"pubsub-{secrets.token_hex(16)}"
        server.add_insecure_port(f"unix-abstract:{name}")
        return SpliceRelay(name)
    return Relay(server.add_insecure_port("127.0.0.1:0"))
