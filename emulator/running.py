"""The cloud that uses a data folder: at most one, and how other commands find it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from emulator.errors import AlreadyRunning, InvalidOption, Unwritable
from emulator.file_lock import Locked, exclusive
from emulator.parts.tokens import PushToken
from emulator.project import PROGRAM, PROJECT


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a cloud listen.

    Attributes:
        functions: URL of each function.
        storage: URL.
        pubsub: host:port.
        grpc: host:port of Pub/Sub for clients that use only gRPC, which is faster; the same if it
            has no such port.
        keys: URL of the public keys of push tokens; empty if the broker sends none.
        tokens: the tokens required by functions that are not public.
        entrance: the first function that is called over HTTP; empty if there is none.
        project: id of the emulated project.
        dashboard: URL of the dashboard and its API; empty if there is none.
    """

    functions: Mapping[str, str]
    storage: str
    pubsub: str
    grpc: str
    keys: str = ""
    tokens: Mapping[str, PushToken] = field(default_factory=dict)
    entrance: str = ""
    project: str = PROJECT
    dashboard: str = ""

    @property
    def upload(self) -> str:
        """The URL to which pictures are sent."""
        return self.functions[self.entrance]


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Lock an existing data folder.

    Raises:
        AlreadyRunning: another process has locked it.
        Unwritable: the lock cannot be written.
    """
    try:
        with exclusive(data / "lock", wait=False):
            yield
    except Locked:
        raise AlreadyRunning(
            f"Another `up` uses {data}. Stop it with Ctrl-C in its terminal, or choose another "
            "folder: --data DIR"
        ) from None


@contextmanager
def announced(data: Path, addresses: Addresses) -> Iterator[None]:
    """Write the addresses to the data folder, for other commands.

    Raises:
        Unwritable: the file cannot be written.
    """
    file = data / "addresses.json"
    unfinished = file.with_suffix(".new")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(msgspec.json.encode(addresses))
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        why = f"{file}: {error.strerror}. Free some space or choose another --data."
        raise Unwritable(why) from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(data: Path) -> Addresses | None:
    """Return the addresses of the cloud that uses a data folder, None if none is ready.

    Raises:
        Unwritable: the lock cannot be opened.
    """
    if not (data / "lock").exists():
        return None
    try:
        with exclusive(data / "lock", wait=False):
            return None  # the file with addresses, if any, is left from a cloud that was killed
    except Locked:
        pass
    try:
        return msgspec.json.decode((data / "addresses.json").read_bytes(), type=Addresses)
    except FileNotFoundError:
        return None


def expect(data: Path) -> Addresses:
    """Return the addresses of the cloud that uses a data folder.

    Raises:
        InvalidOption: none runs.
        Unwritable: the lock cannot be opened.
    """
    if addresses := find(data):
        return addresses
    raise InvalidOption(f"No `up` uses {data}: start `{PROGRAM} up` in another terminal.")
