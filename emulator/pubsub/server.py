"""Opens the doors of a broker: gRPC, HTTP push, the journal and the key server."""

import asyncio
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from emulator.pubsub.doors import calls, publisher, subscriber
from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.key_server import JWKS_PATH, KEY_FILE_NAME, serve_keys
from emulator.pubsub.doors.publisher import PublisherService
from emulator.pubsub.doors.pusher import Pusher
from emulator.pubsub.doors.subscriber import SubscriberService
from emulator.pubsub.journal.journal import Journal
from emulator.pubsub.rules import wire
from emulator.pubsub.rules.broker import Broker
from emulator.pubsub.rules.catalogue import Catalogue
from emulator.pubsub.rules.errors import PubsubError
from emulator.pubsub.rules.snapshots import Snapshot
from emulator.pubsub.rules.subscription import Subscription

if TYPE_CHECKING:
    from emulator.pubsub.doors.signing import PushTokens, SigningKey

# Production refuses publish requests above 10 MB, and says so: one that is not much larger arrives
# where it is refused with the right words. Each request at work may hold as much memory.
_MAX_RECEIVE_BYTES = 12 * 1024 * 1024

# On a connection, as Google's servers have it. Without a limit, calls that are begun and given up
# by the ten thousand fill the server's queue, and it cancels those of others.
_MAX_STREAMS = 100

_HANDSHAKE_MILLISECONDS = 10_000  # after which a connection that says nothing is closed

_GRACE_SECONDS = 0.5

_EXPIRE_SECONDS = 60.0


class PortTaken(Exception):
    """Somebody else listens on an address that the broker was told to use."""


class DataUnusable(Exception):
    """The data folder cannot be used, or holds what is not a broker's data (any more)."""


@dataclass(frozen=True)
class Options:
    """How to run a broker.

    Attributes:
        host: Address to listen on.
        port: Port of the gRPC API; 0 for a free one.
        jwks_port: Port where the key of push tokens is served; 0 for a free one.
        data: Folder in which messages survive; None for memory only.
        push_limit: Most push requests in flight for one subscription.
    """

    host: str
    port: int
    jwks_port: int
    data: Path | None
    push_limit: int


@dataclass(frozen=True)
class Addresses:
    """Where a running broker is reached.

    Attributes:
        grpc: `host:port` of the API.
        jwks: URL of the key set.
    """

    grpc: str
    jwks: str


def steady_clock(
    wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Return a clock that tells seconds since the epoch and never goes back.

    Args:
        wall: Seconds since the epoch. May go back when the machine's clock is set.
        steady: Seconds since some moment. Never goes back, but stands still while the machine
            sleeps: then the wall is ahead, and is caught up with.
    """
    ahead = float("-inf")

    def now() -> float:
        nonlocal ahead
        # In this order: what passes between the two readings must not count as time gained.
        ahead = max(ahead, wall() - steady())
        return ahead + steady()

    return now


async def run(options: Options, on_ready: Callable[[Addresses], None]) -> None:
    """Run a broker until SIGINT or SIGTERM.

    Args:
        options: How.
        on_ready: Called when requests are answered.

    Raises:
        PortTaken: If it cannot listen.
        DataInUse: If another broker uses the data folder.
        DataUnusable: If the folder cannot be used, or what is in it cannot be read.
        JournalFailed: If what happened last could not be written down at the end.
    """
    async with AsyncExitStack() as cleanup:
        stop = _stop_signal(cleanup)
        clock = steady_clock()
        doorbell = Doorbell(clock)
        with _reading(options.data):
            journal = Journal(options.data) if options.data else None
            last_number = journal.last_number() if journal else 0
        if journal is not None:
            cleanup.callback(journal.close)
        broker = Broker(
            doorbell,
            journal,
            compose=wire.compose_dead_letter,
            # Numbers follow the clock, so that they never repeat, not even without a journal.
            first_number=max(last_number + 1, int(clock() * 1_000_000)),
        )
        catalogue = Catalogue(broker, journal)
        if journal is not None:
            with _reading(options.data):
                restore(journal, broker, catalogue)
            journal.start()

        with _reading(options.data):
            signing = _Signing(options.data, clock)
        pusher = Pusher(broker, doorbell, clock, signing.token, options.push_limit)
        cleanup.push_async_callback(pusher.close)
        doorbell.connect(on_ready=pusher.notice, on_due=broker.advance)
        for subscription in broker.subscriptions.values():
            pusher.notice(subscription)

        expiring = asyncio.create_task(_expire(catalogue, clock))
        cleanup.callback(expiring.cancel)
        key_server = await _serve_keys(options, signing)
        cleanup.callback(key_server.close)
        port = await _serve_api(
            options, _services(broker, catalogue, doorbell, journal, clock), cleanup
        )
        jwks_port = key_server.sockets[0].getsockname()[1]
        on_ready(
            Addresses(
                grpc=f"{options.host}:{port}",
                jwks=f"http://{options.host}:{jwks_port}{JWKS_PATH}",
            )
        )
        await stop.wait()


async def _expire(catalogue: Catalogue, clock: Callable[[], float]) -> None:
    while True:
        catalogue.expire(clock())
        await asyncio.sleep(_EXPIRE_SECONDS)


@contextmanager
def _reading(data: Path | None) -> Iterator[None]:
    """Say of which folder it is that something cannot be read."""
    try:
        yield
    except (OSError, TypeError, ValueError, sqlite3.Error, DecodeError, PubsubError) as error:
        raise DataUnusable(f"cannot use the data folder {data}: {error}") from error


def restore(journal: Journal, broker: Broker, catalogue: Catalogue) -> None:
    """Give a broker back what an earlier run wrote down.

    Args:
        journal: Not started yet.
        broker: Still empty.
        catalogue: Describes the broker.
    """
    owners = {
        owner.number: owner
        for owner in catalogue.restore(
            journal.topics(), journal.subscriptions(), journal.snapshots()
        )
    }
    holders: dict[int, list[tuple[Subscription | Snapshot, int, bool]]] = {}
    for message_id, number, attempts, acknowledged in journal.deliveries():
        if number in owners:
            holders.setdefault(message_id, []).append((owners[number], attempts, acknowledged))
    for message_id, topic, content in journal.messages():
        message = wire.restore(message_id, content)
        broker.restore(topic, message)
        for owner, attempts, acknowledged in holders.get(message_id, ()):
            if acknowledged and isinstance(owner, Subscription):
                owner.retain(message)
            else:
                owner.offer(message, attempts)
        if not message.holders:
            journal.forgotten(message_id)


class _Signing:
    """The signing key and its tokens, whose libraries are loaded when there is or has to be a key.

    Raises:
        OSError: If the key that an earlier run left cannot be read.
        ValueError: If it is no key.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float]) -> None:
        self._file = folder / KEY_FILE_NAME if folder else None
        self._clock = clock
        if self._file is not None and self._file.exists():
            self.key.public_keys()

    @cached_property
    def key(self) -> "SigningKey":
        from emulator.pubsub.doors.signing import SigningKey

        return SigningKey(self._file)

    @cached_property
    def _tokens(self) -> "PushTokens":
        from emulator.pubsub.doors.signing import PushTokens

        return PushTokens(self.key, self._clock)

    def token(self, service_account: str, audience: str) -> str:
        """Return an OIDC token."""
        return self._tokens.token(service_account, audience)


def _services(
    broker: Broker,
    catalogue: Catalogue,
    doorbell: Doorbell,
    journal: Journal | None,
    clock: Callable[[], float],
) -> list[Any]:
    @asynccontextmanager
    async def journaled() -> AsyncIterator[None]:
        if journal is not None:
            journal.check()
        yield
        if journal is not None:
            await asyncio.wrap_future(journal.committed())

    publishing = PublisherService(broker, catalogue, clock, journaled)
    subscribing = SubscriberService(broker, catalogue, doorbell, clock, journaled)
    return [
        grpc.method_handlers_generic_handler(publisher.NAME, publishing.methods()),
        grpc.method_handlers_generic_handler(subscriber.NAME, subscribing.methods()),
        calls.UnknownMethods(),
    ]


async def _serve_api(
    options: Options,
    services: list[Any],
    cleanup: AsyncExitStack,
) -> int:
    """Start the gRPC server, have it stopped at the end, and return its port."""
    _check_port_free(options.host, options.port)
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MILLISECONDS),
            ("grpc.max_send_message_length", -1),
        ]
    )
    server.add_generic_rpc_handlers(services)
    port: int = server.add_insecure_port(f"{options.host}:{options.port}")
    await server.start()
    cleanup.push_async_callback(server.stop, _GRACE_SECONDS)
    return port


async def _serve_keys(options: Options, signing: _Signing) -> asyncio.Server:
    try:
        return await serve_keys(
            options.host,
            options.jwks_port,
            jwks=lambda: signing.key.jwks(),
            pem=lambda: signing.key.public_keys(),
        )
    except OSError as error:
        raise PortTaken(f"cannot listen on {options.host}:{options.jwks_port}: {error}") from error


def _check_port_free(host: str, port: int) -> None:
    """Find out in time, because gRPC itself only says so in its log.

    Raises:
        PortTaken: If it is not.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port}: {error}") from error


def _stop_signal(cleanup: AsyncExitStack) -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, until the end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Not `loop.add_signal_handler`, which Windows does not have.
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        cleanup.callback(signal.signal, number, before)
    return stop
