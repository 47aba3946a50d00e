"""What stands before the storage server: all that reaches it comes through here.

fake-gcs-server answers whoever asks, and lets every page of the internet read its answers; it loses
half of a resumable upload, and breaks its own listings when the disk is full. So it listens where
no page finds it, and this server answers in its place:
`python3 -m emulator.parts.front.conversation`. It reads the head of every request, refuses what
`visitors` does not let in, does resumable uploads itself (see `sessions`), and passes the rest on.
Bodies go through in blocks, never as a whole.

Each connection has a thread with blocking sockets, which of the ways that were measured takes the
least processor: docs/decisions/0007-storage-front.md.
"""

import argparse
import itertools
import json
import re
import secrets
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode

from emulator import http1
from emulator.data_folder import has_metadata
from emulator.http1 import Answer, Headers, Malformed, Request
from emulator.parts.front.behind import JSON, Behind, Server, answer_of, body_of
from emulator.parts.front.blob_names import BadName, expect_safe, expect_safe_path, named
from emulator.parts.front.disk import Disk, Full
from emulator.parts.front.sessions import Announced, Refused, Session, Sessions
from emulator.parts.front.streams import BLOCK, Gone, Stream
from emulator.ports import HOST
from emulator.visitors import NotLetIn, Visitors

_HEAD_SECONDS = 20.0  # for a head to arrive once it has begun
_MAX_CONNECTIONS = 256  # a function keeps 64 at most
_MAX_DOCUMENT = 256 * 1024  # bytes of JSON that are read as a whole
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"

_UPLOADS = re.compile(r"/upload/storage/v1/b/([^/]+)/o/?")
_BLOB = re.compile(r"/([^/]+)/(.+)")
_UNWRITTEN = re.compile(r"xattr\.Set (/.+) user\.metadata: (.+)")


class Front:
    """Listens where clients look for Cloud Storage.

    Args:
        port: to listen on.
        server: the storage server behind it.
        folder: where that keeps its files.
        unfinished: folder for uploads that are under way.
        visitors: who is let in.
    """

    def __init__(
        self, port: int, server: Server, folder: Path, unfinished: Path, visitors: Visitors
    ) -> None:
        self.server = server
        self.name = f"{HOST}:{port}"
        self.folder = folder
        self.disk = Disk(folder)
        self.sessions = Sessions(unfinished)
        self.visitors = visitors
        self._free = threading.Semaphore(_MAX_CONNECTIONS)
        self._listener = socket.create_server((HOST, port), backlog=_MAX_CONNECTIONS)

    def serve(self) -> None:
        """Serve until the process ends."""
        while True:
            connection, _ = self._listener.accept()
            if self._free.acquire(blocking=False):
                threading.Thread(target=self._hold, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _hold(self, connection: socket.socket) -> None:
        try:
            with connection:
                _Conversation(self, Stream(connection)).hold()
        except OSError:
            pass  # the client was gone before it had said anything
        finally:
            self._free.release()


class _Conversation:
    """A connection of a client, and the requests that come over it, one after the other."""

    def __init__(self, front: Front, client: Stream) -> None:
        self._front = front
        self._client = client
        self._behind = Behind(front.server)

    def hold(self) -> None:
        """Answer requests until a side ends the connection."""
        try:
            while self._answer_one():
                pass
        except Gone:
            pass  # the client went away, or has part of an answer that will never be whole
        finally:
            self._behind.leave()

    def _answer_one(self) -> bool:
        """Answer a request; tell whether the connection is good for another."""
        try:
            head = self._client.head(_HEAD_SECONDS)
            if head is None:
                return False
            request = http1.read_request(head)
        except Malformed as error:
            status = 431 if isinstance(error, http1.TooLong) else 400
            headers = [*JSON, ("Connection", "close")]
            self._client.send(_answer(status, headers, _complaint(status, error)))
            self._client.close_slowly()
            return False
        return _Exchange(self._front, self._client, self._behind, request).answer()


class _Exchange:
    """A request and its answer."""

    def __init__(self, front: Front, client: Stream, behind: Behind, request: Request) -> None:
        self._front = front
        self._client = client
        self._behind = behind
        self._request = request
        self._readers: Headers = [("Vary", "Origin")]
        self._is_read = request.length == 0
        self._is_answered = False

    def answer(self) -> bool:
        """Answer; tell whether the connection is good for another request.

        Raises:
            Gone: the client is not there, or cannot be given the rest of its answer.
        """
        try:
            self._serve()
        except Malformed as error:
            self._refuse(400, error)
        except BadName as error:
            self._refuse(400, error)
        except NotLetIn as error:
            self._refuse(403, error)
        except Full as error:
            self._refuse(503, error)
        except Refused as error:
            self._refuse(error.status, error)
        if not self._is_read:
            self._client.close_slowly()
        return self._lasts

    @property
    def _lasts(self) -> bool:
        return self._request.lasts and self._is_read

    def _serve(self) -> None:
        path, _, query_text = self._request.target.partition("?")
        query = parse_qs(query_text, True) if path.startswith("/upload/") else {}
        session = self._front.sessions.find(query.get("upload_id", [""])[0])
        begins = None if "upload_id" in query else _begun(self._request, path, query)
        self._let_in(session, begins=begins is not None)
        if self._request.method == "OPTIONS":
            self._tell_browser()
        elif begins is not None:
            self._begin(*begins, query_text)
        elif "upload_id" in query:
            self._go_on(session)
        elif path.startswith("/_internal"):
            raise Refused(404, "Cloud Storage has no such path.")
        elif path.startswith("/batch/") or "form-data" in (self._request.get("content-type") or ""):
            raise Refused(501, "The emulator takes neither batches nor forms: send each by itself.")
        else:
            expect_safe_path(path)
            self._pass_on()

    def _let_in(self, session: Session | None, *, begins: bool) -> None:
        """Return if the request is to be answered.

        Raises:
            NotLetIn: it is not.
        """
        origin = self._request.get("origin")
        # The URL of a session is for the page that its beginning named.
        is_theirs = session is not None and session.announced.origin == origin
        # A program that begins an upload says by `Origin` which page is going to send it. Where a
        # page itself begins one, its browser says that too, by a header that no script can forge.
        names_a_page = begins and self._request.get("sec-fetch-site") is None
        self._front.visitors.check(
            self._request.host, None if is_theirs or names_a_page else origin
        )
        if origin is not None:
            self._readers += [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", "*"),
            ]

    def _tell_browser(self) -> None:
        """Answer a browser that asks what the script of a page may send."""
        asked = self._request.get("access-control-request-headers")
        for _ in self._body():
            pass
        self._say(
            204,
            [
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", asked or "*"),
                ("Access-Control-Max-Age", "600"),
            ],
        )

    def _begin(self, bucket: str, name: str, query: str) -> None:
        """Begin a resumable upload."""
        expect_safe_path(self._request.target.partition("?")[0])
        announced = Announced.read(self._request, bucket, name, query, self._document())
        expect_safe(announced.resource["name"])
        with self._front.disk.room(0):
            status, body = self._ask(f"GET /storage/v1/b/{bucket}")
            if status != 200:
                self._say(status, JSON, body)
                return
            id = self._front.sessions.begin(announced)
        url = f"http://{self._request.host}{announced.path(id)}"
        headers = [("Location", url), ("X-GUploader-UploadID", id)]
        if self._request.get("x-goog-upload-command") == "start":
            headers += [("X-Goog-Upload-URL", url), ("X-Goog-Upload-Status", "active")]
        self._say(201 if name else 200, headers)

    def _go_on(self, session: Session | None) -> None:
        """Take a request of a resumable upload."""
        if session is None:
            raise Refused(404, "There is no such upload, or not any more: begin a new one.")
        if self._request.method == "DELETE":
            reply = session.give_up()
        elif self._request.method in ("PUT", "POST"):
            # To ask how far it is takes no room; to have the blob made looks for some itself.
            brings = self._request.length != 0
            with self._front.disk.room(self._request.length or 0) if brings else nullcontext():
                reply = session.take(self._request, self._body(), self._store)
        else:
            raise Refused(405, "An upload goes on with PUT, and is given up with DELETE.")
        headers, status = list(reply.headers), reply.status
        if status == 308 and self._request.get("x-guploader-no-308"):
            headers.append(("X-Http-Status-Code-Override", "308"))
            status = 200
        if "finalize" in (self._request.get("x-goog-upload-command") or ""):
            headers.append(("X-Goog-Upload-Status", "final"))
        self._say(status, headers, reply.body)

    def _store(self, announced: Announced, file: Path, size: int) -> tuple[int, bytes]:
        """Send a whole upload to the server."""
        boundary, head, tail = _envelope(announced)
        headers = [
            ("Content-Type", f"multipart/related; boundary={boundary}"),
            ("Content-Length", str(len(head) + size + len(tail))),
        ]
        target = f"/upload/storage/v1/b/{announced.bucket}/o?uploadType=multipart&" + urlencode(
            [*parse_qsl(announced.query), ("name", announced.resource["name"])]
        )
        with self._front.disk.room(size), file.open("rb") as data:
            blocks = iter(lambda: data.read(BLOCK), b"")
            body = itertools.chain([head], blocks, [tail])
            return self._mended(*self._ask(f"POST {target}", headers, body))

    def _ask(
        self, start: str, headers: Headers | None = None, body: Iterable[bytes] = ()
    ) -> tuple[int, bytes]:
        try:
            return self._behind.ask(start, [("Host", self._front.name), *(headers or [])], body)
        except Gone as error:
            raise Refused(503, f"The storage server does not answer: {error}") from error

    def _pass_on(self) -> None:
        """Have the storage server answer."""
        writes = self._request.method in ("POST", "PUT", "PATCH")
        with self._front.disk.room(self._request.length or 0) if writes else nullcontext():
            try:
                server = self._behind.reach()
                self._send_to(server)
                answer = answer_of(server, self._request.method)
                if answer.status == 500:
                    body = b"".join(map(bytes, body_of(server, answer.length)))
                    status, body = self._mended(500, body)
                    self._say(status, JSON, body)
                else:
                    self._send_back(server, answer)
            except Gone as error:
                self._behind.leave()
                if self._is_answered:
                    raise
                raise Refused(503, f"The storage server does not answer: {error}") from error
        if not self._is_read:
            self._behind.leave()  # it answered before the end, and waits for the rest

    def _send_to(self, server: Stream) -> None:
        """Send the request on."""
        request = self._request
        target, body = request.target, self._body()
        if request.method == "POST" and target.startswith("/upload/"):
            target, body = named(request, body)
        headers = [
            (name, value)
            for name, value in request.passed_on()
            if name not in ("host", "origin") and not name.startswith("x-forwarded-")
        ]
        # The server answers with URLs of the host that it is asked by.
        headers += [("Host", self._front.name), ("X-Forwarded-Proto", "http")]
        start = f"{request.method} {target} HTTP/1.1"
        pending = http1.write_head(start, headers)
        for block in body:
            data = _framed(pending, block, request.length)
            pending = b""
            try:
                server.send(data)
            except Gone:
                return  # it has answered before the end, and says why, or it is gone indeed
        server.send(pending + _end(request.length))

    def _send_back(self, server: Stream, answer: Answer) -> None:
        """Pass an answer on, but for what it says of who may read it."""
        headers = [
            (name, value)
            for name, value in answer.headers
            if not name.startswith("access-control-") and name not in ("connection", "keep-alive")
        ]
        headers += self._readers
        if not self._lasts:
            headers.append(("Connection", "close"))
        pending = http1.write_head(_status_line(answer.status), headers)
        self._is_answered = True
        for block in body_of(server, answer.length):
            self._client.send(_framed(pending, block, answer.length))
            pending = b""
        self._client.send(pending + _end(answer.length))

    def _mended(self, status: int, body: bytes) -> tuple[int, bytes]:
        """Take away what is left of a blob whose metadata could not be written, and say so.

        The server has stored its bytes by then, and cannot list its bucket any more, nor any other
        blob in it. Metadata too large for the file system is what leads there, or a full disk.
        """
        try:
            message = str(json.loads(body)["error"]["message"])
        except (ValueError, TypeError, KeyError):
            return status, body
        match = _UNWRITTEN.fullmatch(message)
        if status != 500 or match is None:
            return status, body
        file = Path(match[1])
        if file.is_relative_to(self._front.folder) and not has_metadata(file):
            file.unlink(missing_ok=True)
        why = (
            f"The metadata of this blob finds no room on the file system of {self._front.folder} "
            f"({match[2]}). Give it less, or make room, if the disk is full."
        )
        return 400, _complaint(400, why)

    def _body(self) -> Iterator[memoryview]:
        """Return the bytes of the request, once."""
        if self._is_read:
            return
        if self._request.waits:
            self._client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        yield from body_of(self._client, self._request.length)
        self._is_read = True

    def _document(self) -> bytes:
        """Return the bytes of a request that has few.

        Raises:
            Refused: it has many.
        """
        document = b""
        for block in self._body():
            document += block
            if len(document) > _MAX_DOCUMENT:
                raise Refused(413, f"Expected at most {_MAX_DOCUMENT:,} bytes.")
        return document

    def _refuse(self, status: int, why: Exception) -> None:
        self._say(status, JSON, _complaint(status, why))

    def _say(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self._is_answered = True
        last = [] if self._lasts else [("Connection", "close")]
        shown = b"" if self._request.method == "HEAD" else body
        self._client.send(_answer(status, [*headers, *self._readers, *last], shown))


def _begun(request: Request, path: str, query: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return bucket and, if the path has it, name of the blob whose upload a request begins."""
    if request.method != "POST":
        return None
    if match := _UPLOADS.fullmatch(path):
        protocol = query.get("uploadType", [request.get("x-goog-upload-protocol")])[0]
        return (match[1], "") if protocol == "resumable" else None
    if request.get("x-goog-resumable") == "start" and (match := _BLOB.fullmatch(path)):
        return match[1], unquote(match[2])
    return None


def _framed(before: bytes, block: memoryview, length: int | None) -> bytes | memoryview:
    """Return a block of a body as it is sent, and what is sent before it."""
    if length is None:
        return b"".join((before, b"%x\r\n" % len(block), block, b"\r\n"))
    return b"".join((before, block)) if before else block


def _end(length: int | None) -> bytes:
    """Return what ends a body."""
    return b"0\r\n\r\n" if length is None else b""


def _envelope(announced: Announced) -> tuple[str, bytes, bytes]:
    """Return the boundary, and what goes before and after the bytes of an upload in one request."""
    boundary = secrets.token_hex(16)
    resource, content_type = json.dumps(announced.resource), announced.resource["contentType"]
    lines = [
        *(f"--{boundary}", "Content-Type: application/json; charset=UTF-8", "", resource),
        *(f"--{boundary}", f"Content-Type: {content_type}", "", ""),
    ]
    return boundary, "\r\n".join(lines).encode(), f"\r\n--{boundary}--\r\n".encode()


def _complaint(status: int, why: object) -> bytes:
    """Return an error as Cloud Storage writes it."""
    error = {"code": status, "message": str(why), "errors": [{"message": str(why)}]}
    return json.dumps({"error": error}).encode()


def _answer(status: int, headers: Headers, body: bytes) -> bytes:
    lines = [*headers, ("Content-Length", str(len(body)))] if status != 204 else headers
    return http1.write_head(_status_line(status), lines) + body


def _status_line(status: int) -> str:
    try:
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    except ValueError:  # 499 is Cloud Storage's own
        return f"HTTP/1.1 {status} "


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="to listen on")
    parser.add_argument("--server", required=True, help="address of the server behind, host:port")
    parser.add_argument("--tls", action="store_true", help="talk TLS to it")
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps its files")
    parser.add_argument("--unfinished", type=Path, required=True, help="for uploads under way")
    parser.add_argument("--origin", action="append", default=[], help="of pages to let in")
    args = parser.parse_args()
    host, _, port = args.server.rpartition(":")
    server = Server(host, int(port), args.tls)
    Front(args.port, server, args.folder, args.unfinished, Visitors(args.origin)).serve()


if __name__ == "__main__":
    main()
