"""Resumable uploads as Cloud Storage does them, in front of a server that does half of it.

A session that is asked how far it has come (`Content-Range: bytes */SIZE`) is ended by
fake-gcs-server, with whatever it has; what arrives of a request that breaks off is lost; and a
session that is given up goes on. So clients are sent here. The bytes of a session are kept in a
file until all of them are there, and then go to the server as the one request that it does right.

The protocol is https://docs.cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import argparse
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from emulator.ports import HOST, answers
from emulator.processes import Part

UNIT = 256 * 1024
"""What Cloud Storage keeps of a request that did not end an upload is a multiple of these bytes."""

_BLOCK = 64 * 1024
_TIMEOUT = 60.0  # seconds to hear the next byte, from either side

_FOR_BROWSERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "PUT, DELETE",
    "Access-Control-Allow-Headers": "Content-Range, Content-Type",
    "Access-Control-Expose-Headers": "Range",
}


class Malformed(Exception):
    """A request makes no sense; the message says why."""


class Superseded(Exception):
    """Another request has taken over the session."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a request to a session brings.

    Attributes:
        start: position of its first byte; None if it brings none and asks how far the upload is.
        size: of the whole upload, bytes; None if the request does not say.
        whole: it is the whole upload, whatever its size.
    """

    start: int | None
    size: int | None = None
    whole: bool = False

    @classmethod
    def read(cls, content_range: str | None, length: int | None) -> Self:
        """Read the header `Content-Range` of a request whose body has `length` bytes, if known.

        Raises:
            Malformed: the header is of another form, or does not fit the body.
        """
        if content_range is None:
            return cls(0, whole=True)
        match = re.fullmatch(r"bytes (?:\*|([0-9]+)-([0-9]+|\*))/([0-9]+|\*)", content_range)
        if not match:
            raise Malformed(f"Content-Range: {content_range}: expected bytes FIRST-LAST/SIZE")
        first, last, whole = match.groups()
        size = None if whole == "*" else int(whole)
        if first is None:
            return cls(None, size)
        if last != "*" and length is not None and length != int(last) - int(first) + 1:
            raise Malformed(f"Content-Range: {content_range}: but the body has {length} bytes")
        if last != "*" and size is not None and int(last) >= size:
            raise Malformed(f"Content-Range: {content_range}: it ends after the end")
        return cls(int(first), size)


Answer = tuple[int, bytes]
"""Status and body of the server's answer to a whole upload."""


class Session:
    """An upload that is under way, its bytes in a file."""

    def __init__(self, file: Path) -> None:
        self.answer: Answer | None = None
        self._file = file
        self._file.touch()
        self._turn = 0
        self._lock = threading.Lock()

    @property
    def received(self) -> int:
        """How many bytes there are."""
        return self._file.stat().st_size

    def begin(self) -> int:
        """Begin a request; whatever an earlier one still sends does not count any more."""
        with self._lock:
            self._turn += 1
            return self._turn

    def append(self, turn: int, data: bytes) -> None:
        """Keep more bytes.

        Raises:
            Superseded: another request has begun since.
        """
        with self._lock:
            if turn != self._turn:
                raise Superseded
            with self._file.open("ab") as out:
                out.write(data)

    def round_down(self, turn: int) -> None:
        """Forget what Cloud Storage would not keep of a request that did not end the upload."""
        with self._lock:
            if turn == self._turn and self.answer is None:
                with self._file.open("ab") as out:
                    out.truncate(self.received // UNIT * UNIT)

    def finish(self, send: Callable[[Path, int], Answer]) -> Answer:
        """Send the whole upload, once; its answer is that of the session from now on."""
        with self._lock:
            if self.answer is None:
                answer = send(self._file, self.received)
                if answer[0] >= 500:
                    return answer
                self.answer = answer
                self._file.unlink()
            return self.answer


class Front(ThreadingHTTPServer):
    """Listens where session URLs lead.

    Args:
        port: to listen on.
        storage: port of the storage server.
        folder: for unfinished uploads; what is in it is deleted, as the server too has forgotten.
    """

    daemon_threads = True

    def __init__(self, port: int, storage: int, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        super().__init__((HOST, port), _Handler)
        self.storage = storage
        self._folder = folder
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def session(self, id: str) -> Session:
        """Return a session, a new one at its first request."""
        with self._lock:
            if id not in self._sessions:
                self._sessions[id] = Session(self._folder / id)
            return self._sessions[id]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT
    server: Front

    def do_PUT(self) -> None:
        """Take what is sent to a session."""
        try:
            self._take(self._session())
        except (Malformed, ValueError) as error:
            self._answer(400, str(error).encode(), {"Connection": "close"})
        except (Superseded, OSError) as error:
            self._answer(503, str(error).encode(), {"Connection": "close"})

    def do_DELETE(self) -> None:
        """Give a session up."""
        try:
            self._answer(*self._session().finish(lambda _file, _size: (499, b"")), {})
        except Malformed as error:
            self._answer(400, str(error).encode(), {})

    def do_OPTIONS(self) -> None:
        """Let a browser send to a session."""
        self._answer(204, b"", {})

    def _session(self) -> Session:
        id = parse_qs(urlsplit(self.path).query).get("upload_id", [""])[0]
        if not re.fullmatch(r"[0-9a-zA-Z_-]{1,200}", id):
            raise Malformed(f"{self.path} is no session URL: it has no upload_id")
        return self.server.session(id)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of every request."""

    def _take(self, session: Session) -> None:
        """Take a request of a session."""
        turn = session.begin()
        brought = Brought.read(self.headers.get("Content-Range"), self._length())
        if session.answer is not None:
            self._say_done(session.answer)
            return
        try:
            if brought.start is not None:
                self._keep(session, turn, brought.start)
            if brought.whole or session.received == brought.size:
                self._say_done(session.finish(self._send))
                return
        finally:
            session.round_down(turn)
        received = session.received
        self._answer(308, b"", {"Range": f"bytes=0-{received - 1}"} if received else {})

    def _keep(self, session: Session, turn: int, start: int) -> None:
        """Keep what a request brings from where the session is; it may begin earlier, not later."""
        received = session.received
        if start > received:
            raise Malformed(f"bytes {received}-{start - 1} are missing: ask how far the upload is")
        known = received - start
        for block in self._body():
            session.append(turn, block[known:])
            known = max(0, known - len(block))

    def _send(self, file: Path, size: int) -> Answer:
        """Send a whole upload to the server."""
        connection = HTTPConnection(HOST, self.server.storage, timeout=_TIMEOUT)
        with file.open("rb") as data:
            connection.request("PUT", self.path, data, {"Content-Length": str(size)})
            answer = connection.getresponse()
            try:
                return answer.status, answer.read()
            finally:
                connection.close()

    def _say_done(self, answer: Answer) -> None:
        # A body that nobody read would be taken for the next request.
        self._answer(*answer, {"Content-Type": "application/json", "Connection": "close"})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_FOR_BROWSERS, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _length(self) -> int | None:
        text = self.headers.get("Content-Length")
        return None if text is None else int(text)

    def _body(self) -> Iterator[bytes]:
        """Read the body, in chunks or by its length.

        Raises:
            OSError: the client went away before its end.
        """
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield from self._blocks(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield from self._blocks(self._length() or 0)

    def _blocks(self, size: int) -> Iterator[bytes]:
        while size:
            block = self.rfile.read1(min(size, _BLOCK))
            if not block:
                raise ConnectionError("the client went away")
            size -= len(block)
            yield block


def sessions_part(data: Path, port: int, storage: int) -> Part:
    """Return the part to which session URLs lead, in front of the storage server."""
    return Part(
        "sessions",
        [
            *(sys.executable, "-m", "emulator.sessions"),
            *("--port", str(port), "--storage", str(storage), "--folder", str(data)),
        ],
        is_ready=lambda: answers(port),
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    )


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--storage", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    with Front(args.port, args.storage, args.folder) as front:
        front.serve_forever()


if __name__ == "__main__":
    main()
