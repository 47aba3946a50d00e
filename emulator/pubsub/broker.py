"""The whole broker: rules, journal and servers in one process."""

import asyncio
import secrets
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from google.protobuf.message import DecodeError

from emulator.pubsub.clock import steady_clock
from emulator.pubsub.doors.api import serve_api
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.buckets import Buckets
from emulator.pubsub.doors.calls import Enclosing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.exporter import Exporter
from emulator.pubsub.doors.key_server import JWKS_PATH, KEY_FILE_NAME, METRICS_PATH, serve_keys
from emulator.pubsub.doors.listening import listeners
from emulator.pubsub.doors.metrics import exposition
from emulator.pubsub.doors.pusher import Pusher
from emulator.pubsub.errors import DataUnusable, PortTaken
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.journal.restore import restore
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import PubsubError
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription
from emulator.pubsub.topology import Topology, apply, read_file

if TYPE_CHECKING:
    from emulator.pubsub.doors.signing import PushTokens

# Below the smallest backlog of common servers (128 connections), so that no burst is refused.
DEFAULT_PUSH_LIMIT = 100

_GRACE_SECONDS = 0.5
_EXPIRE_SECONDS = 60.0


@dataclass(kw_only=True, eq=False)
class Broker:
    """A Pub/Sub broker that runs while its context is open: `async with Broker() as broker`.

    With `async with` it runs on the caller's event loop, with a plain `with` in a thread.

    Attributes:
        host: Address or host name to listen on.
        port: Port of the API, gRPC and REST; 0 for a free one.
        grpc_port: Another port, for gRPC alone, which is faster; 0 for a free one, None for none.
        jwks_port: Port of the server for the key of push tokens and metrics; 0 for a free one.
        data: Folder that keeps messages over a restart; None for memory only.
        push_limit: Most push requests in flight for one subscription.
        topology: What to create before clients can connect (schemas, topics, subscriptions), or
            a file of it.
        storage: Address of an emulator of Cloud Storage, which Cloud Storage subscriptions write
            to, as STORAGE_EMULATOR_HOST has it; None if there is none.
        origins: Web pages that may use the REST API, besides those of this machine; `*` for all.
        address: `host:port` of the API, once it runs.
        grpc_address: `host:port` for gRPC alone, once it runs; `address` if it has no such port.
        jwks_url: URL of the key of push tokens, once it runs.
        metrics_url: URL of its metrics for Prometheus, once it runs.

    Raises:
        PortTaken: If it cannot listen.
        DataInUse: If another broker uses the data folder.
        DataUnusable: If the data folder cannot be used or read.
        TopologyInvalid: If the topics and subscriptions cannot be created.
        JournalFailed: On exit, if the last changes could not be written.
    """

    host: str = "127.0.0.1"
    port: int = 0
    grpc_port: int | None = None
    jwks_port: int = 0
    data: Path | str | None = None
    push_limit: int = DEFAULT_PUSH_LIMIT
    topology: Topology | Path | str | None = None
    storage: str | None = None
    origins: Sequence[str] = ()
    address: str = field(init=False)
    grpc_address: str = field(init=False)
    jwks_url: str = field(init=False)
    metrics_url: str = field(init=False)

    def __post_init__(self) -> None:
        self._folder = Path(self.data) if self.data else None
        self._clock = steady_clock()
        self._cleanup = AsyncExitStack()
        self._ended: Future[None]
        self._stop: Callable[[], object]
        self._loop: asyncio.AbstractEventLoop
        self._catalogue: Catalogue
        self._journaled: Enclosing

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that connect client libraries to it."""
        return {"PUBSUB_EMULATOR_HOST": self.address}

    def remove_project(self, project: str) -> "Future[None]":
        """Remove everything in a project, which is given by its id.

        It may be called in any thread while the broker runs. The result is there when all is gone;
        on the event loop of the broker, await `asyncio.wrap_future(broker.remove_project(…))`.
        """
        return asyncio.run_coroutine_threadsafe(self._remove(f"projects/{project}"), self._loop)

    async def _remove(self, project: str) -> None:
        async with self._journaled():
            self._catalogue.remove_project(project)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as cleanup:
            await self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    def __enter__(self) -> Self:
        ready: Future[None] = Future()
        executor = ThreadPoolExecutor(1, "pubsub")
        self._ended = executor.submit(asyncio.run, self._live(ready))
        executor.shutdown(wait=False)
        wait((ready, self._ended), return_when=FIRST_COMPLETED)
        if not ready.done():
            self._ended.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._ended.result()

    async def _live(self, ready: "Future[None]") -> None:
        """Run until another thread calls `_stop`."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        async with self:
            ready.set_result(None)
            await stopped.wait()

    async def _start(self, cleanup: AsyncExitStack) -> None:
        clock = self._clock
        topology = self.topology or Topology()
        if not isinstance(topology, Topology):
            topology = read_file(topology)
        doorbell = Doorbell(clock)
        registry, journal = self._open(doorbell, cleanup)
        catalogue = Catalogue(registry)

        pusher = Pusher(registry, doorbell, clock, self._token, self.push_limit)
        cleanup.push_async_callback(pusher.close)
        buckets = Buckets(self.storage) if self.storage else None
        if buckets is not None:
            cleanup.callback(buckets.close)
        exporter = Exporter(registry, doorbell, clock, buckets)
        cleanup.push_async_callback(exporter.close)

        def notice(subscription: Subscription) -> None:
            pusher.notice(subscription)
            exporter.notice(subscription)

        doorbell.connect(on_ready=notice, on_due=registry.advance)
        for subscription in registry.subscriptions.values():
            notice(subscription)
        expiring = asyncio.create_task(_expire(catalogue, clock))
        cleanup.callback(expiring.cancel)

        sockets = self._listen(self.jwks_port, cleanup)
        jwks_port = sockets[0].getsockname()[1]
        key_servers = await serve_keys(
            sockets,
            self.host,
            jwks=lambda: self._tokens.key.jwks(),
            pem=lambda: self._tokens.key.public_keys(),
            metrics=lambda: exposition(registry, clock()),
        )
        for server in key_servers:
            cleanup.callback(server.close)
        self._loop, self._catalogue = asyncio.get_running_loop(), catalogue
        self._journaled = partial(_journaled, journal) if journal else nullcontext
        async with self._journaled():
            apply(topology, registry, clock())
        backend = Backend(registry, catalogue, doorbell, clock, self._journaled, buckets)
        sockets = self._listen(self.port, cleanup)
        port = sockets[0].getsockname()[1]
        with self._listening(self.grpc_port or 0):
            if self.grpc_port:
                # gRPC's server says on standard error too that a port is taken, and its thread
                # stays as long as the exception. So it is started only if it can listen.
                for each in listeners(self.host, self.grpc_port):
                    each.close()
            api = await serve_api(sockets, self.host, backend, self.origins, self.grpc_port)
        cleanup.push_async_callback(api.stop, _GRACE_SECONDS)
        cleanup.callback(backend.stop)
        self.address = _address(self.host, port)
        self.grpc_address = _address(self.host, api.grpc_port or port)
        key_server_url = f"http://{_address(self.host, jwks_port)}"
        self.jwks_url = f"{key_server_url}{JWKS_PATH}"
        self.metrics_url = f"{key_server_url}{METRICS_PATH}"

    def _open(self, doorbell: Doorbell, cleanup: AsyncExitStack) -> tuple[Registry, Journal | None]:
        """Return a registry with what the data folder contains, and the journal of that folder.

        Raises:
            DataInUse: If another broker uses the folder.
            DataUnusable: If it cannot be used or read.
        """
        # Without a journal too, message ids must not repeat: so they follow the clock.
        first_id = int(self._clock() * 1_000_000)
        # Ack ids must not repeat even if the clock is set back.
        run = secrets.token_hex(4)
        if self._folder is None:
            return Registry(doorbell, first_id=first_id, run=run, wall=time.time), None
        try:
            journal = Journal(self._folder)
            cleanup.callback(journal.close)
            first_id = max(journal.earlier.last_number() + 1, first_id)
            registry = Registry(doorbell, journal, first_id=first_id, run=run, wall=time.time)
            restore(journal, registry)
            journal.start()
            if (self._folder / KEY_FILE_NAME).exists():
                self._tokens.key.public_keys()
        except (OSError, TypeError, ValueError, sqlite3.Error, DecodeError, PubsubError) as error:
            raise DataUnusable(f"cannot use the data folder {self._folder}: {error}") from error
        return registry, journal

    @cached_property
    def _tokens(self) -> "PushTokens":
        # Slow to import, and needed only if there is a key.
        from emulator.pubsub.doors.signing import PushTokens, SigningKey

        key = SigningKey(self._folder / KEY_FILE_NAME if self._folder else None)
        return PushTokens(key, self._clock)

    def _token(self, service_account: str, audience: str) -> str:
        return self._tokens.token(service_account, audience)

    def _listen(self, port: int, cleanup: AsyncExitStack) -> list[socket.socket]:
        """Return sockets that listen at the host."""
        with self._listening(port):
            sockets = listeners(self.host, port)
        for each in sockets:
            cleanup.callback(each.close)
        return sockets

    @contextmanager
    def _listening(self, port: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PortTaken(f"cannot listen on {_joined(self.host, port)}: {error}") from error


def _address(host: str, port: int) -> str:
    """Return what clients connect to."""
    # Not every system connects to the address that means "all".
    return _joined({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _expire(catalogue: Catalogue, clock: Callable[[], float]) -> None:
    while True:
        catalogue.expire(clock())
        await asyncio.sleep(_EXPIRE_SECONDS)


@asynccontextmanager
async def _journaled(journal: Journal) -> AsyncIterator[None]:
    journal.check()
    with journal.together():
        yield
    await asyncio.wrap_future(journal.committed())
