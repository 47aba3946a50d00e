"""A storage server with its front, and raw HTTP requests for it."""

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
    """A running storage server with its front.

    Attributes:
        url: of the front.
        server: URL of the server behind the front.
        data: its folder.
        log: important log lines of its parts.
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
        """URL of the bucket's listing."""
        return f"{self.url}/storage/v1/b/{BUCKET}/o"

    def uploads(self, name: str, kind: str = "media") -> str:
        """Return the URL for uploading a blob."""
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
    """Return a connection to the server of a URL."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)


def exchange(url: str, data: bytes) -> bytes:
    """Send bytes, then the end of the stream; return all data received."""
    with connect(url) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    """Return all data received until a connection ends."""
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
    """Return the bytes of a request, unmodified."""
    head = "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "", ""])
    return head.encode("latin-1") + body


def statuses(answers: bytes) -> list[int]:
    """Return the status of each response in received data."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answers)]
