"""A request and its answer, passed on to the storage server and back."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from emulator.data_folder import has_metadata
from emulator.parts.front import http1, told
from emulator.parts.front.behind import Behind, Server, answer_of
from emulator.parts.front.blob_names import named
from emulator.parts.front.disk import Disk
from emulator.parts.front.http1 import JSON, Answer, Headers, Refused, Request
from emulator.parts.front.sessions import Sessions
from emulator.parts.front.streams import Gone, Stream
from emulator.parts.front.visitors import Visitors

_MAX_DOCUMENT = 256 * 1024  # bytes of JSON that are read into memory
_UNWRITTEN = re.compile(r"xattr\.Set (/.+) user\.metadata: (.+)")


@dataclass(frozen=True, slots=True)
class Front:
    """What all connections share.

    Attributes:
        server: the storage server.
        name: the address that clients use, host:port.
        folder: where the server keeps its files.
        disk: the disk that contains the folder.
        sessions: the uploads in progress.
        visitors: which clients are answered.
        tells: whether to print a line for each blob that is stored.
    """

    server: Server
    name: str
    folder: Path
    disk: Disk
    sessions: Sessions
    visitors: Visitors
    tells: bool = False


class Exchange:
    """A request and its answer.

    Attributes:
        front: what all connections share.
        request: its head.
        readers: CORS headers for the answer.
        is_read: whether the request was read to its end.
    """

    def __init__(self, front: Front, client: Stream, behind: Behind, request: Request) -> None:
        self.front = front
        self.request = request
        self.readers: Headers = [("Vary", "Origin")]
        self.is_read = request.length == 0
        self._client = client
        self._behind = behind
        self._is_answered = False

    @property
    def lasts(self) -> bool:
        """Whether the connection can be used for another request."""
        return self.request.lasts and self.is_read

    def body(self) -> Iterator[memoryview]:
        """Return the body of the request; can be used once."""
        if self.is_read:
            return
        if self.request.waits:
            self._client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        yield from self._client.body(self.request.length)
        self.is_read = True

    def document(self) -> bytes:
        """Return the whole body of a request that should be short.

        Raises:
            Refused: it is too long.
        """
        document = b""
        for block in self.body():
            document += block
            if len(document) > _MAX_DOCUMENT:
                raise Refused(413, f"Expected at most {_MAX_DOCUMENT:,} bytes.")
        return document

    def say(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Answer the client.

        Raises:
            Gone: the client does not accept the answer.
        """
        shown = b"" if self.request.method == "HEAD" else body
        self._client.send(written(status, [*headers, *self._last_headers()], shown))

    def ask(
        self, start: str, headers: Headers | None = None, body: Iterable[bytes] = ()
    ) -> tuple[int, bytes]:
        """Send a request of our own to the server; return status and body of its answer.

        Raises:
            Refused: the server does not answer.
        """
        headers = [("Host", self.front.name), *(headers or [])]
        try:
            status, answer = self._mended(*self._behind.ask(start, headers, body))
        except Gone as error:
            raise _silent(error) from error
        self._tell(start.removeprefix("POST "), status)
        return status, answer

    def _tell(self, target: str, status: int) -> None:
        if self.front.tells:
            told.tell(told.stored(target, status))

    def pass_on(self) -> None:
        """Let the storage server answer.

        Raises:
            Refused: the server does not answer.
            Gone: the server or the client ended the connection during the answer.
        """
        writes = self.request.method in ("POST", "PUT", "PATCH")
        with self.front.disk.room(self.request.length or 0) if writes else nullcontext():
            try:
                server = self._behind.reach()
                target = self._send_to(server)
                answer = answer_of(server, self.request.method)
                if answer.status == 500:
                    body = b"".join(map(bytes, server.body(answer.length)))
                    status, body = self._mended(500, body)
                    self.say(status, JSON, body)
                else:
                    self._tell(target, answer.status)
                    self._send_back(server, answer)
            except Gone as error:
                self._behind.leave()
                if self._is_answered:
                    raise
                raise _silent(error) from error
        if not self.is_read:
            self._behind.leave()  # it answered early and still expects the rest

    def _send_to(self, server: Stream) -> str:
        """Send the request to the server; return its target there."""
        request = self.request
        target, body = request.target, self.body()
        if request.method == "POST" and target.startswith("/upload/"):
            target, body = named(request, body)
        headers = [
            (name, value)
            for name, value in request.passed_on()
            if name not in ("host", "origin") and not name.startswith("x-forwarded-")
        ]
        # The server builds the URLs in its answers from the host of the request.
        headers += [("Host", self.front.name), ("X-Forwarded-Proto", "http")]
        start = f"{request.method} {target} HTTP/1.1"
        for data in _message(start, headers, body, request.length):
            try:
                server.send(data)
            except Gone:
                break  # it may have answered early; reading the answer tells
        return target

    def _send_back(self, server: Stream, answer: Answer) -> None:
        """Send the server's answer to the client, with our CORS headers instead of its own."""
        headers = [
            (name, value)
            for name, value in answer.headers
            if not name.startswith("access-control-") and name not in ("connection", "keep-alive")
        ]
        headers += self._last_headers()
        body = server.body(answer.length)
        for data in _message(_status_line(answer.status), headers, body, answer.length):
            self._client.send(data)

    def _last_headers(self) -> Headers:
        """Return the headers that end every answer, which begins now."""
        self._is_answered = True
        return self.readers if self.lasts else [*self.readers, ("Connection", "close")]

    def _mended(self, status: int, body: bytes) -> tuple[int, bytes]:
        """Remove a blob whose metadata could not be written, and explain the failure.

        The server has stored its bytes by then, and can no longer list its bucket. The metadata is
        too large for the file system, or the disk is full.
        """
        try:
            message = str(json.loads(body)["error"]["message"])
        except (ValueError, TypeError, KeyError):
            return status, body
        match = _UNWRITTEN.fullmatch(message)
        if status != 500 or match is None:
            return status, body
        file = Path(match[1])
        if file.is_relative_to(self.front.folder) and not has_metadata(file):
            file.unlink(missing_ok=True)
        why = (
            f"The metadata of this blob does not fit on the file system of {self.front.folder} "
            f"({match[2]}). Store less metadata, or free some space if the disk is full."
        )
        return 400, complaint(400, why)


def written(status: int, headers: Headers, body: bytes) -> bytes:
    """Return the bytes of a whole answer."""
    lines = [*headers, ("Content-Length", str(len(body)))] if status != 204 else headers
    return http1.write_head(_status_line(status), lines) + body


def complaint(status: int, why: object) -> bytes:
    """Return an error document in Cloud Storage's format."""
    error = {"code": status, "message": str(why), "errors": [{"message": str(why)}]}
    return json.dumps({"error": error}).encode()


def _message(
    start: str, headers: Headers, body: Iterator[memoryview], length: int | None
) -> Iterator[bytes | memoryview]:
    """Return the bytes of a message, chunked if `length` is None.

    The head is joined with the first block, to save a system call.
    """
    before = http1.write_head(start, headers)
    for block in body:
        if length is None:
            yield b"".join((before, b"%x\r\n" % len(block), block, b"\r\n"))
        else:
            yield b"".join((before, block)) if before else block
        before = b""
    yield before + (b"0\r\n\r\n" if length is None else b"")


def _silent(error: Gone) -> Refused:
    return Refused(503, f"The storage server does not answer: {error}")


def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    except ValueError:  # such as 499, which Cloud Storage uses
        return f"HTTP/1.1 {status} "
