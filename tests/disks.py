"""File systems for tests: small ones to fill up, and ext4 with small metadata."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a file system at a folder; skip the test if that is not possible."""
    folder.mkdir(exist_ok=True)
    is_root = os.name == "posix" and os.geteuid() == 0
    if not (is_root and _run("mount", *options, str(folder))):
        pytest.skip("needs root and permission to mount file systems")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


@contextmanager
def small(folder: Path, megabytes: int) -> Iterator["Small"]:
    """Yield a disk of a size in megabytes that can be filled."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"):
        if not hasattr(os, "setxattr"):
            pytest.skip("needs Linux: extended attributes")
        try:
            os.setxattr(folder, "user.test", b"x")
        except OSError:
            pytest.skip("needs a kernel whose tmpfs has extended attributes (Linux 6.6)")
        yield Small(folder)


@contextmanager
def ext4(image: Path, folder: Path, block: int) -> Iterator[Path]:
    """Yield an ext4 with a block size in bytes."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("needs mkfs.ext4 (Debian: e2fsprogs)")
    with image.open("wb") as file:
        file.truncate(32 * 2**20)
    assert _run("mkfs.ext4", "-q", "-b", str(block), str(image))
    with mounted(folder, "-o", "loop", str(image)):
        yield folder


class Small:
    """A disk that can be filled.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, but: int = 0) -> None:
        """Leave only that many bytes free."""
        size = 65536 if but >= 65536 else 4096
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while shutil.disk_usage(self.folder).free > but:
                file.write(bytes(size))

    def relieve(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)
