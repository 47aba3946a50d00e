"""The data folder: owned by the user, readable only by the user, and without links out of it.

The parts keep pictures, messages and a signing key there, and follow every path in it.
"""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from emulator.errors import InvalidOption, Unsafe

_OURS = ("storage", "pubsub", "sessions", "set-aside", "lock", "addresses.json", "controls.json")
"""What the emulator creates there. It ignores other files: the folder may be a home."""

METADATA = "user.metadata"
"""The extended attribute in which the storage server keeps the metadata of a blob."""

BESIDE = ".metadata" if os.name == "nt" else ""
"""On Windows it keeps them in a file of its own, whose name goes on like this."""


def make(folder: Path) -> None:
    """Create a data folder if necessary, and check that it is safe to use.

    It may be a symbolic link, such as to another disk.

    Raises:
        InvalidOption: it cannot be created or written to, or is not a folder.
        Unsafe: it belongs to another user, or the link does.
    """
    make_folder(folder, "--data", mode=0o700)
    if os.name == "posix":
        for path in (folder, folder.resolve()):
            _expect_own(path, path.lstat())


def make_folder(folder: Path, option: str, mode: int = 0o777) -> None:
    """Create the folder that an option names if necessary.

    Raises:
        InvalidOption: it cannot be created or written to, or is not a folder.
    """
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOption(f"{option} {folder}: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidOption(f"{option} {folder}: you may not write to this folder")


def secure(folder: Path) -> None:
    """Make a data folder private, and check its contents.

    Raises:
        Unsafe: it contains a link, a special file, or something that belongs to another user.
    """
    if os.name != "posix":
        return
    if {path.name for path in folder.iterdir()} <= set(_OURS):
        folder.chmod(0o700)
    for path in (folder / name for name in _OURS):
        if path.is_symlink() or path.exists():
            _secure(str(path), path.lstat())
            for entry in _below(str(path)):
                _secure(entry.path, entry.stat(follow_symlinks=False))


def set_aside(data: Path, storage: Path) -> list[str]:
    """Move files without metadata out of the storage server's folder; return messages about them.

    The server cannot list a bucket with such a file. The file is left from an upload that was
    interrupted before its answer, or was copied there. To be called while the server is stopped.
    """
    return [
        _move(data, storage, Path(entry.path))
        for bucket in storage.glob("*/")
        for entry in _below(str(bucket))
        if entry.is_file(follow_symlinks=False) and not has_metadata(entry.path)
    ]


def has_metadata(file: Path | str) -> bool:
    """Return whether a file has the metadata of a blob, or holds some; True if unknown."""
    if not can_read_metadata():
        return True
    try:
        return bool(BESIDE and str(file).endswith(BESIDE)) or bool(metadata_of(file))
    except OSError:
        return False


def can_read_metadata() -> bool:
    """Return whether Python can read the metadata of blobs on this system; not on macOS."""
    return bool(BESIDE) or hasattr(os, "getxattr")


def metadata_of(file: Path | str) -> bytes:
    """Return the metadata of a blob, as JSON with the server's own names.

    Raises:
        OSError: there are none, or no such file.
    """
    return Path(f"{file}{BESIDE}").read_bytes() if BESIDE else os.getxattr(file, METADATA)


def _move(data: Path, storage: Path, file: Path) -> str:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    target = data / "set-aside" / moment / file.relative_to(storage)
    target.parent.mkdir(mode=0o700, parents=True)
    file.replace(target)
    return (
        f"{file} has no metadata: it was copied there, or its upload was interrupted. Moved to "
        f"{target}. Upload it through the server."
    )


# Folders hold hundreds of thousands of files, and a `Path` takes longer than a system call.


def _below(path: str) -> Iterator["os.DirEntry[str]"]:
    """Walk through a folder without following links; yield nothing for a file."""
    folders = [path] if Path(path).is_dir() and not Path(path).is_symlink() else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _secure(path: str, status: os.stat_result) -> None:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        raise Unsafe(
            f"{path} is a symbolic link to {Path(path).readlink()}, where the emulator would read "
            "and write. Replace it with its target, or delete it. To keep data on another disk, "
            "choose a folder there with --data."
        )
    _expect_own(path, status)
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise Unsafe(f"{path} is neither a file nor a folder. Delete it.")
    wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
    if stat.S_IMODE(mode) != wanted:
        Path(path).chmod(wanted)


def _expect_own(path: Path | str, status: os.stat_result) -> None:
    owner = status.st_uid
    if owner != os.geteuid():
        raise Unsafe(
            f"{path} belongs to {_name_of(owner)}, and you are {_name_of(os.geteuid())}. Its owner "
            "could read and redirect your data. Run as its owner, take it over with chown, or "
            "choose another folder with --data."
        )


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"the user {user}"
