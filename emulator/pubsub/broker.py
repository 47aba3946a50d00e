"""The broker as a whole: rules, journal and servers, in this process."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from google.protobuf.message import DecodeError

from emulator.pubsub.clock import steady_clock
from emulator.pubsub.doors.api import serve_api
from emulator.pubsub.doors.backend import Backend
from emulator.pubsub.doors.calls import Enclosing
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.key_server import JWKS_PATH, KEY_FILE_NAME, serve_keys
from emulator.pubsub.doors.pusher import Pusher
from emulator.pubsub.errors import DataUnusable, PortTaken
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.journal.restore import restore
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import PubsubError
from emulator.pubsub.rules.registry import Registry

if TYPE_CHECKING:
    from emulator.pubsub.doors.signing import PushTokens

# Below the backlog of the smallest servers in use (128), so that a burst is never refused.
DEFAULT_PUSH_LIMIT = 100

_GRACE_SECONDS = 0.5
_EXPIRE_SECONDS = 60.0


class Broker:
    """A Pub/Sub broker that runs within its context: `async with Broker() as broker`.

    In an `async with` it runs on the caller's event loop; in a plain `with`, in a thread.

    Attributes:
        address: `host:port` of the gRPC API, once it runs.
        jwks_url: Where the key of push tokens is served, once it runs.

    Raises:
        PortTaken: If it cannot listen.
        DataInUse: If another broker uses the data folder.
        DataUnusable: If the folder cannot be used, or what is in it cannot be read.
        JournalFailed: At the end, if what happened last could not be written down.
    """

    address: str
    jwks_url: str

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        jwks_port: int = 0,
        data: Path | str | None = None,
        push_limit: int = DEFAULT_PUSH_LIMIT,
    ) -> None:
        """Prepare a broker; nothing is opened yet.

        Args:
            host: Address to listen on.
            port: Port of the gRPC API; 0 for a free one.
            jwks_port: Port where the key of push tokens is served; 0 for a free one.
            data: Folder in which messages survive; None for memory only.
            push_limit: Most push requests in flight for one subscription.
        """
        self.host = host
        self.port = port
        self.jwks_port = jwks_port
        self.data = Path(data) if data else None
        self.push_limit = push_limit
        self._clock = steady_clock()
        self._cleanup = AsyncExitStack()
        self._ended: Future[None]
        self._stop: Callable[[], object]

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which client libraries find it."""
        return {"PUBSUB_EMULATOR_HOST": self.address}

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
        doorbell = Doorbell(clock)
        with self._reading():
            journal = Journal(self.data) if self.data else None
            last_number = journal.earlier.last_number() if journal else 0
        if journal is not None:
            cleanup.callback(journal.close)
        registry = Registry(
            doorbell,
            journal,
            compose=wire.compose_dead_letter,
            # Numbers follow the clock, so that they never repeat, not even without a journal.
            first_number=max(last_number + 1, int(clock() * 1_000_000)),
        )
        catalogue = Catalogue(registry, journal)
        if journal is not None:
            with self._reading():
                restore(journal, registry)
            journal.start()
        if self.data and (self.data / KEY_FILE_NAME).exists():
            with self._reading():
                self._tokens.key.public_keys()

        pusher = Pusher(registry, doorbell, clock, self._token, self.push_limit)
        cleanup.push_async_callback(pusher.close)
        doorbell.connect(on_ready=pusher.notice, on_due=registry.advance)
        for subscription in registry.subscriptions.values():
            pusher.notice(subscription)
        expiring = asyncio.create_task(_expire(catalogue, clock))
        cleanup.callback(expiring.cancel)

        with self._listening(self.jwks_port):
            key_server = await serve_keys(
                self.host,
                self.jwks_port,
                jwks=lambda: self._tokens.key.jwks(),
                pem=lambda: self._tokens.key.public_keys(),
            )
        cleanup.callback(key_server.close)
        backend = Backend(registry, catalogue, doorbell, clock, _journaled(journal))
        with self._listening(self.port):
            server, port = await serve_api(self.host, self.port, backend)
        cleanup.push_async_callback(server.stop, _GRACE_SECONDS)
        self.address = f"{self.host}:{port}"
        jwks_port = key_server.sockets[0].getsockname()[1]
        self.jwks_url = f"http://{self.host}:{jwks_port}{JWKS_PATH}"

    @cached_property
    def _tokens(self) -> "PushTokens":
        # Libraries that take long, and are loaded when there is or has to be a key.
        from emulator.pubsub.doors.signing import PushTokens, SigningKey

        key = SigningKey(self.data / KEY_FILE_NAME if self.data else None)
        return PushTokens(key, self._clock)

    def _token(self, service_account: str, audience: str) -> str:
        return self._tokens.token(service_account, audience)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what goes wrong while reading the data folder into `DataUnusable`."""
        try:
            yield
        except (OSError, TypeError, ValueError, sqlite3.Error, DecodeError, PubsubError) as error:
            raise DataUnusable(f"cannot use the data folder {self.data}: {error}") from error

    @contextmanager
    def _listening(self, port: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PortTaken(f"cannot listen on {self.host}:{port}: {error}") from error


async def _expire(catalogue: Catalogue, clock: Callable[[], float]) -> None:
    while True:
        catalogue.expire(clock())
        await asyncio.sleep(_EXPIRE_SECONDS)


def _journaled(journal: Journal | None) -> Enclosing:
    @asynccontextmanager
    async def journaled() -> AsyncIterator[None]:
        if journal is not None:
            journal.check()
        yield
        if journal is not None:
            await asyncio.wrap_future(journal.committed())

    return journaled
