"""The gRPC service `google.pubsub.v1.SchemaService`."""

import asyncio
from collections.abc import Callable
from functools import partial

from emulator.pubsub.doors import calls
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.paging import paged
from emulator.pubsub.rules.schemas.book import SchemaBook

NAME = "google.pubsub.v1.SchemaService"

# A small one is checked sooner than a thread takes over; one of 10 MB may take seconds.
_LARGE_BYTES = 100_000


async def aside(size: int, check: Callable[[], None]) -> None:
    """Run a check of messages of this many bytes; if they are large, without delaying others."""
    if size > _LARGE_BYTES:
        await asyncio.to_thread(check)
    else:
        check()


def methods(backend: Backend) -> dict[str, calls.Method]:
    """Return the methods of the service by name."""
    book, clock = SchemaBook(backend.registry), backend.clock
    reading: dict[str, calls.Handler] = {
        "GetSchema": lambda request: book.get(request.name, request.view),
        "ValidateSchema": lambda request: book.validate(request.parent, request.schema),
        "ValidateMessage": lambda request: aside(
            request.ByteSize(), partial(book.validate_message, request)
        ),
    }
    schemas = {"ListSchemas": lambda request: book.of_project(request.parent, request.view)}
    revisions = {"ListSchemaRevisions": lambda request: book.revisions(request.name, request.view)}
    changing: dict[str, calls.Handler] = {
        "CreateSchema": lambda request: book.create(
            request.parent, request.schema_id, request.schema, clock()
        ),
        "CommitSchema": lambda request: book.commit(request.name, request.schema, clock()),
        "RollbackSchema": lambda request: book.rollback(request.name, request.revision_id, clock()),
        "DeleteSchemaRevision": lambda request: book.delete_revision(request.name),
        "DeleteSchema": lambda request: book.delete(request.name),
    }
    unary = calls.unary(reading | paged(schemas) | paged(revisions, by_name=False))
    return unary | calls.unary(changing, backend.journaled)
