"""The cloud that runs on a data folder: one at most, found by others through a file there."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from emulator.errors import AlreadyRunning, InvalidOption, Unwritable
from emulator.file_lock import Locked, exclusive
from emulator.parts.tokens import PushToken
from emulator.project import PROGRAM


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of a cloud listen.

    Attributes:
        functions: URL of each function.
        storage: URL.
        pubsub: host:port.
        keys: URL of the keys that verify the tokens of pushes; empty where Google's emulator runs,
            which sends none.
        tokens: what is to be sent to functions that only the cloud itself may call.
        entrance: the function that takes pictures; empty where the topology has none.
    """

    functions: Mapping[str, str]
    storage: str
    pubsub: str
    keys: str = ""
    tokens: Mapping[str, PushToken] = field(default_factory=dict)
    entrance: str = ""

    @property
    def upload(self) -> str:
        """The URL to which pictures are sent."""
        return self.functions[self.entrance]


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Claim an existing data folder for this process.

    Raises:
        AlreadyRunning: another process has claimed it.
        Unwritable: it belongs to somebody else.
    """
    try:
        with exclusive(data / "lock", wait=False):
            yield
    except Locked:
        raise AlreadyRunning(
            f"Another `up` runs on {data}. Stop it with Ctrl-C in its terminal, or choose another "
            "folder: --data DIR"
        ) from None


@contextmanager
def announced(data: Path, addresses: Addresses) -> Iterator[None]:
    """Let others find the cloud that runs on a data folder.

    Raises:
        Unwritable: the file cannot be written.
    """
    file = data / "addresses.json"
    unfinished = file.with_suffix(".new")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(addresses)))
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Unwritable(
            f"{file}: {error.strerror}. Make room, or choose another --data."
        ) from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(data: Path) -> Addresses | None:
    """Return where the cloud on a data folder listens, None if none runs or it is not ready.

    Raises:
        Unwritable: the folder belongs to somebody else.
    """
    if not (data / "lock").exists():
        return None
    try:
        with exclusive(data / "lock", wait=False):
            return None  # a file that is still there was left by a cloud that was killed
    except Locked:
        pass
    try:
        document = json.loads((data / "addresses.json").read_text())
    except FileNotFoundError:
        return None
    tokens = {name: PushToken(**token) for name, token in document.pop("tokens").items()}
    return Addresses(**document, tokens=tokens)


def expect(data: Path) -> Addresses:
    """Return where the cloud on a data folder listens.

    Raises:
        InvalidOption: none runs there.
        Unwritable: the folder belongs to somebody else.
    """
    addresses = find(data)
    if addresses is None:
        raise InvalidOption(f"Nothing runs on {data}: start `{PROGRAM} up` in another terminal.")
    return addresses
