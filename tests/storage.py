"""A storage server with its front, and requests to it that no HTTP library would make."""

import io
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emulator.console import Console
from emulator.parts.storage import storage_parts
from emulator.ports import HOST, free_port
from emulator.processes import Supervisor

BUCKET = "unit-test"


class Storage:
    """Storage that runs.

    Attributes:
        url: where clients look for it.
        server: URL of the server behind the front.
        data: its folder.
        log: what its parts have said that matters.
    """

    def __init__(self, data: Path, **options: Any) -> None:
        self.data = data
        self.log = io.StringIO()
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        parts = storage_parts(data, port, (BUCKET,), **options)
        command = list(parts[0].command)
        host, behind = (command[command.index(name) + 1] for name in ("-host", "-port"))
        self.server = f"{command[command.index('-scheme') + 1]}://{host}:{behind}"
        self.supervisor = Supervisor([parts], Console(out=self.log))

    def blob(self, name: str) -> str:
        """Return the URL of a blob."""
        return f"{self.url}/storage/v1/b/{BUCKET}/o/{name}"

    @property
    def listing(self) -> str:
        """The URL that lists the bucket."""
        return f"{self.url}/storage/v1/b/{BUCKET}/o"

    def uploads(self, name: str, kind: str = "media") -> str:
        """Return the URL to which a blob is uploaded."""
        return f"{self.url}/upload/storage/v1/b/{BUCKET}/o?uploadType={kind}&name={name}"


@contextmanager
def serving(data: Path, **options: Any) -> Iterator[Storage]:
    """Run a storage server and its front."""
    storage = Storage(data, **options)
    storage.supervisor.start()
    try:
        yield storage
    finally:
        storage.supervisor.stop()


def connect(url: str) -> socket.socket:
    """Return a connection to where a URL leads."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)


def exchange(url: str, data: bytes) -> bytes:
    """Send bytes and nothing more; return all that comes back."""
    with connect(url) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    """Return what comes over a connection until it ends."""
    answer = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return answer
        if not data:
            return answer
        answer += data


def request(method: str, target: str, *lines: str, body: bytes = b"", host: str = HOST) -> bytes:
    """Return the bytes of a request, as they are given."""
    head = "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "", ""])
    return head.encode("latin-1") + body


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer in what came over a connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answers)]
