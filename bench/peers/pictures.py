"""Where the pictures are: a folder of this machine, or a bucket that many machines share."""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol


class Pictures(Protocol):
    """Files by name."""

    def write(self, name: str, file: BinaryIO, size: int) -> None:
        """Store a file of so many bytes."""

    def read(self, name: str) -> bytes:
        """Return the content of a file."""


class Folder:
    """Files in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("uploads", "processed"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, file: BinaryIO, size: int) -> None:  # noqa: ARG002 - copied to its end
        """Store a file."""
        with (self._root / name).open("wb") as out:
            shutil.copyfileobj(file, out)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return (self._root / name).read_bytes()


class Bucket:
    """Blobs in a bucket of Cloud Storage."""

    def __init__(self, name: str) -> None:
        from google.cloud import storage  # slow, and nothing that the folder needs

        self._bucket = storage.Client(project="peer").bucket(name)

    def write(self, name: str, file: BinaryIO, size: int) -> None:
        """Store a file in one request, which the client does if it is told the size."""
        self._bucket.blob(name).upload_from_file(file, size=size, content_type="image/jpeg")

    def read(self, name: str) -> bytes:
        """Return the content of a blob."""
        content: bytes = self._bucket.blob(name).download_as_bytes()
        return content


@cache
def pictures() -> Pictures:
    """Return the bucket that BUCKET names, else the folder that FOLDER names.

    Cached in each process: a forked one must not share its parent's connections.
    """
    bucket = os.environ.get("BUCKET")
    return Bucket(bucket) if bucket else Folder(Path(os.environ["FOLDER"]))
