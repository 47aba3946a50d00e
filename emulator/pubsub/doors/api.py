"""The API of `google.pubsub.v1` on one port: gRPC, and JSON over HTTP."""

import asyncio
import secrets
import sys
from collections import ChainMap
from collections.abc import Mapping, Sequence

import grpc
import grpc.aio

from emulator.pubsub.doors import calls, iam, publisher, schemas, streaming, subscriber, watching
from emulator.pubsub.doors.addresses import addresses
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.discovery import add_discovery
from emulator.pubsub.doors.front import Front
from emulator.pubsub.doors.http_server import HttpConnection, HttpServer
from emulator.pubsub.doors.origins import Origins
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
        port: Where it listens.
    """

    def __init__(self, server: grpc.aio.Server, http: HttpServer, front: Front, port: int) -> None:
        """Take what `serve_api` started."""
        self._server = server
        self._http = http
        self._front = front
        self.port = port

    async def stop(self, grace: float) -> None:
        """Accept nothing more, and wait for calls in progress for so many seconds."""
        self._front.close()
        await asyncio.gather(self._server.stop(grace), self._http.close(grace))
        self._front.abort()


async def serve_api(host: str, port: int, backend: Backend, origins: Sequence[str] = ()) -> Api:
    """Start the API.

    Args:
        host: Address or host name to listen on.
        port: Port to listen on; 0 for a free one.
        backend: The broker to serve.
        origins: Web pages that may use it besides those of this machine.

    Raises:
        OSError: If the port is taken, or the host is not this machine.
    """
    # Before anything is started that would have to be stopped.
    hosts, port = addresses(host, port)
    unary = {
        service.NAME: service.methods(backend) for service in (publisher, subscriber, schemas, iam)
    }
    services = {name: calls.served(methods) for name, methods in unary.items()}
    services[subscriber.NAME]["StreamingPull"] = streaming.method(backend)
    server, within = await _serve_grpc(services, backend)
    methods = ChainMap(*unary.values())
    http = HttpServer(Rest(methods, Origins(host, origins)).answer)
    front = Front(within, lambda: HttpConnection(http))
    try:
        await front.listen(hosts, port)
    except OSError:
        await server.stop(0)
        raise
    return Api(server, http, front, port)


async def _serve_grpc(
    services: Mapping[str, Mapping[str, calls.Method]], backend: Backend
) -> tuple[grpc.aio.Server, str | int]:
    """Start gRPC's server where only this machine reaches it; return it, and where that is.

    That is a Unix socket in the abstract namespace, which is faster and leaves no file. Systems
    without it have a port on 127.0.0.1 instead.
    """
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
    within: str | int
    if sys.platform == "linux":
        within = f"pubsub-{secrets.token_hex(16)}"
        server.add_insecure_port(f"unix-abstract:{within}")
    else:
        within = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, within
