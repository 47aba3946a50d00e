"""Which cloud runs on a data folder: one at most, and others find it through a file there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from emulator.cloud import Addresses
from emulator.errors import AlreadyRunning, Unwritable
from emulator.file_lock import Locked, exclusive
from emulator.parts.tokens import PushToken


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Have a data folder, which exists, for oneself.

    Raises:
        AlreadyRunning: another process has it.
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
        Unwritable: there is no room to tell them.
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
        Unwritable: that cannot be told, since the folder belongs to somebody else.
    """
    if not (data / "lock").exists():
        return None
    try:
        with exclusive(data / "lock", wait=False):
            return None  # nobody has it: a file left there is of one that was killed
    except Locked:
        pass
    try:
        document = json.loads((data / "addresses.json").read_text())
    except FileNotFoundError:
        return None
    tokens = {name: PushToken(**token) for name, token in document.pop("tokens").items()}
    return Addresses(**document, tokens=tokens)
