"""The data folder: it belongs to the user, only the user can read it, and no link leads out of it.

The parts keep pictures, messages and a signing key in it, and follow every path in it.
"""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from emulator.errors import InvalidOption, Unsafe

_OURS = ("storage", "pubsub", "sessions", "set-aside", "lock", "addresses.json")
"""What the emulator makes in the folder. Other files are left alone: the folder may be a home."""

METADATA = "user.metadata"
"""The extended attribute in which the storage server keeps the metadata of a blob."""


def make(folder: Path) -> None:
    """Create a data folder if there is none, and check that it is safe to use.

    A symbolic link to it is fine, since many keep data on another disk, if it is the user's own.

    Raises:
        InvalidOption: it cannot be created or written to, or is no folder.
        Unsafe: it, or the link that leads to it, belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOption(f"--data {folder}: {error.strerror}") from None
    if os.name == "posix":
        for path in (folder, folder.resolve()):
            _expect_own(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidOption(f"--data {folder}: you may not write to this folder")


def secure(folder: Path) -> None:
    """Let only the user read what is in a data folder, and check that no link leads out of it.

    Raises:
        Unsafe: there is a link, or something that belongs to somebody else or is no file.
    """
    if os.name != "posix":
        return
    ours = [folder / name for name in _OURS]
    if {path.name for path in folder.iterdir()} <= set(_OURS):
        folder.chmod(0o700)
    for path in ours:
        if path.is_symlink() or path.exists():
            _secure(path, path.lstat())
            for entry in _below(path):
                _secure(Path(entry.path), entry.stat(follow_symlinks=False))


def set_aside(data: Path, storage: Path) -> list[str]:
    """Move files that the storage server cannot read out of its folder; return messages about them.

    It writes the metadata of a blob after its bytes, and answers after both. A file without is of
    an upload that was never answered, or was put there by hand; with one of them in a bucket the
    server lists nothing of it. To be called while the server does not run.
    """
    if not storage.is_dir():
        return []
    told = []
    for bucket in filter(Path.is_dir, storage.iterdir()):
        for entry in _below(bucket):
            if entry.is_file(follow_symlinks=False) and not has_metadata(Path(entry.path)):
                told.append(_move(data, storage, Path(entry.path)))
    return told


def has_metadata(file: Path) -> bool:
    """Tell whether a file is a blob that the storage server can read, as far as Python sees it."""
    if not hasattr(os, "getxattr"):
        return True
    try:
        return bool(os.getxattr(file, METADATA))
    except OSError:
        return False


def _move(data: Path, storage: Path, file: Path) -> str:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    target = data / "set-aside" / moment / file.relative_to(storage)
    target.parent.mkdir(mode=0o700, parents=True)
    file.replace(target)
    return (
        f"{file} has no metadata, as an upload that broke off or a file that was copied there: "
        f"moved to {target}. Put it into the bucket by way of the server."
    )


def _below(path: Path) -> Iterator["os.DirEntry[str]"]:
    """Walk over all that is in a folder, and not into links; nothing if it is a file."""
    if path.is_symlink() or not path.is_dir():
        return
    with os.scandir(path) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path))


def _secure(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise Unsafe(
            f"{path} is a symbolic link to {path.readlink()}. The emulator would read and write "
            "there. Replace it by what it points to, or delete it. To keep data on another disk, "
            "choose a folder there with --data."
        )
    _expect_own(path)
    if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        raise Unsafe(f"{path} is neither a file nor a folder, and cannot be data. Delete it.")
    wanted = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
    if stat.S_IMODE(status.st_mode) != wanted:
        path.chmod(wanted)


def _expect_own(path: Path) -> None:
    owner = path.lstat().st_uid
    if owner != os.geteuid():
        raise Unsafe(
            f"{path} belongs to {_name_of(owner)}, and you are {_name_of(os.geteuid())}. Whoever "
            "owns it could read your data and choose where it is written. Run as its owner, make "
            "it yours with chown, or choose another folder with --data."
        )


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"the user {user}"
