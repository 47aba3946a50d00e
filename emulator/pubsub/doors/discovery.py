"""What tools ask a gRPC server first: is it healthy, and which methods does it have?

https://github.com/grpc/grpc/blob/master/doc/health-checking.md and
https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from emulator.pubsub import protos
from emulator.pubsub.doors import calls

_STREAMING = "StreamingPull"
_OF_RESOURCE = re.compile(
    r"(?:Create|Get|Update|Commit|Rollback)([A-Z][a-z]+)|Delete([A-Z][a-z]+)Revision"
)


async def add_discovery(
    server: Any, services: Mapping[str, Iterable[str]], stopping: asyncio.Event
) -> None:
    """Add health checking and reflection to a server.

    Args:
        server: The server, before it starts.
        services: The names of methods, by full name of their service.
        stopping: Set when calls must not wait any more.
    """
    healthy = _Health(stopping)
    for service in services:
        await healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    names = (*services, *_names(health_pb2), *_names(reflection_pb2))
    reflection.enable_server_reflection(names, server, _described(services))


class _Health(health.aio.HealthServicer):  # type: ignore[misc]
    """Ends the calls that watch when the server stops; gRPC would log an error for each."""

    def __init__(self, stopping: asyncio.Event) -> None:
        super().__init__()
        self._stopping = stopping

    async def Watch(self, request: Any, context: calls.Context) -> None:  # noqa: N802
        """Send the state of a service, and every change of it."""
        watching = asyncio.create_task(super().Watch(request, context))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((watching, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            stopped.cancel()
            await asyncio.wait((watching, stopped))


def _names(module: Any) -> list[str]:
    return [service.full_name for service in module.DESCRIPTOR.services_by_name.values()]


def _described(services: Mapping[str, Iterable[str]]) -> DescriptorPool:
    """Return the descriptions of services with all message types that they use.

    google-cloud-pubsub describes the messages, but no services. They get a pool of their own, so
    that a program with other descriptions of them can run the broker.
    """
    pool = DescriptorPool()
    _add(pool, health_pb2.DESCRIPTOR)
    _add(pool, reflection_pb2.DESCRIPTOR)
    for service, methods in services.items():
        package, _, name = service.rpartition(".")
        file = FileDescriptorProto(name=f"{service}.proto", package=package, syntax="proto3")
        described = file.service.add(name=name)
        imported = set()
        for method in sorted(methods):
            request, response = _request(method), _response(method)
            streams = method == _STREAMING
            described.method.add(
                name=method,
                input_type=f".{request.full_name}",
                output_type=f".{response.full_name}",
                client_streaming=streams,
                server_streaming=streams,
            )
            for used in (request, response):
                _add(pool, used.file)
                imported.add(used.file.name)
        file.dependency.extend(sorted(imported))
        if not _is_described(pool, service):
            pool.Add(file)
    return pool


def _is_described(pool: DescriptorPool, service: str) -> bool:
    """Return whether a file with its messages describes a service too, as for access policies."""
    try:
        pool.FindServiceByName(service)
    except KeyError:
        return False
    return True


def _add(pool: DescriptorPool, file: Any) -> None:
    """Add a file to a pool, behind what it imports."""
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        for imported in file.dependencies:
            _add(pool, imported)
        pool.AddSerializedFile(file.serialized_pb)


def _request(method: str) -> Any:
    """Return the description of what a method receives: a request, or the resource to create."""
    return _message(f"{method}Request") or _resource(method)


def _response(method: str) -> Any:
    """Return the description of what a method returns: a response, a resource, or nothing."""
    return _message(f"{method}Response") or _resource(method) or empty_pb2.Empty.DESCRIPTOR


def _resource(method: str) -> Any:
    named = _OF_RESOURCE.fullmatch(method)
    return _message(named[1] or named[2]) if named else None


def _message(name: str) -> Any:
    kind = getattr(protos, name, None)
    return kind and kind.DESCRIPTOR
