"""The HTTP API of dashboard and commands, at a port of its own on the loopback interface.

    GET  /api/state                          the whole state
    GET  /api/events                         state and events as they happen (server-sent events)
    GET  /api/uploads/ID                     the life of an upload, or of a message
    GET  /api/requests/ID                    a request with its log
    GET  /api/subscriptions/NAME/messages    messages, which are not taken
    GET  /api/letters                        dead letters
    GET  /api/buckets/NAME                   the latest blobs
    GET  /api/buckets/NAME/blobs/BLOB        the content of a blob
    POST /api/actions/NAME                   does something: see `actions.py`

docs/dashboard.md describes them. Requests of web pages of other origins are refused, whether they
read or act: `Host` and `Origin` must be this server's own.
"""

import json
import mimetypes
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from emulator.dashboard.actions import Actions
from emulator.dashboard.buckets import Buckets
from emulator.dashboard.errors import Refused, Unavailable, Unknown
from emulator.dashboard.flow import Flow
from emulator.dashboard.pubsub import BrokerFailed, PubSub
from emulator.dashboard.state import UNTOLD, State
from emulator.errors import EmulatorError
from emulator.ports import HOST

PORT = 8090
"""Where the dashboard is, unless another program is there."""

_STATIC = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_PREVIEWED = re.compile(r"image/(?!svg)[a-z0-9.+-]+|application/json|text/plain")

_PERIOD = 0.25  # seconds between two messages to a reader
_SILENCE = 15.0  # seconds, after which a reader is sent a comment, to notice that it has left
_RETRY = 1.0  # seconds until the state is tried again that the broker did not tell
_MOST_READERS = 32
_MOST_BODY = 16 * 2**20
_SEND_SECONDS = 30.0

_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


class Server:
    """The server; it runs in threads of its own from `start` until `close`.

    Args:
        port: to listen on; 0 for a free one.

    Attributes:
        url: of the server.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, port: int) -> None:
        self._http = _Http((HOST, port), _Handler)
        self.url = f"http://{HOST}:{self._http.server_port}"

    def start(self, api: "Api") -> None:
        """Answer requests from now on."""
        self._http.api = api
        threading.Thread(target=self._http.serve_forever, args=(0.2,), daemon=True).start()

    def close(self) -> None:
        """Stop; readers of events are disconnected."""
        self._http.stopped.set()
        if self._http.api:
            self._http.shutdown()
        self._http.server_close()


class Api:
    """What the addresses mean."""

    def __init__(
        self, flow: Flow, state: State, actions: Actions, buckets: Buckets, pubsub: PubSub
    ) -> None:
        self.flow = flow
        self.state = state
        self.actions = actions
        self.buckets = buckets
        self._pubsub = pubsub
        self._routes: tuple[tuple[re.Pattern[str], Callable[..., Any]], ...] = (
            (re.compile("/api/state"), lambda _: state.document()),
            (re.compile("/api/uploads/(.+)"), self._upload),
            (re.compile("/api/requests/([^/]+)"), self._request),
            (re.compile("/api/subscriptions/([^/]+)/messages"), self._messages),
            (re.compile("/api/letters"), lambda _: {"letters": actions.letters.listing()}),
            (re.compile("/api/buckets/([^/]+)"), self._bucket),
        )

    def read(self, path: str, query: Mapping[str, str]) -> Any:
        """Return the document at a path.

        Raises:
            Refused: there is none, or the query is wrong.
            BrokerFailed: the broker does not answer.
        """
        for pattern, handle in self._routes:
            if match := pattern.fullmatch(path):
                return handle(query, *map(unquote, match.groups()))
        raise Unknown(f"There is nothing at {path}.")

    def _upload(self, _query: Mapping[str, str], id: str) -> Any:
        life = self.flow.life(id)
        blobs: list[Any] | None
        try:
            blobs = self.buckets.about(life["id"] if life else id)
        except Unavailable:
            blobs = None
        if life is None and not blobs:
            raise Unknown(f"{id}: neither its messages nor its blobs are known.")
        return (life or {"id": id, "state": None, "entries": [], "left_out": 0}) | {"blobs": blobs}

    def _request(self, _query: Mapping[str, str], id: str) -> Any:
        found = self.flow.request(id)
        if found is None:
            raise Unknown(f"{id} is not among the latest requests.")
        return found

    def _messages(self, query: Mapping[str, str], name: str) -> Any:
        messages = self._pubsub.peek(name, _number(query, "limit", 100, 1000))
        return {"messages": messages, "untold": UNTOLD if messages is None else None}

    def _bucket(self, query: Mapping[str, str], name: str) -> Any:
        return self.buckets.listing(name, query.get("prefix", ""), _number(query, "limit", 60, 500))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # on Windows it takes a port away from its server

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.api: Api | None = None
        self.stopped = threading.Event()
        self.readers = threading.Semaphore(_MOST_READERS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has left."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SEND_SECONDS
    server: _Http

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def _answer(self, handle: Callable[[], None]) -> None:
        try:
            self._check_visitor()
            handle()
        except Refused as error:
            self._problem(error.status, str(error))
        except BrokerFailed as error:
            self._problem(503, str(error))
        except EmulatorError as error:
            self._problem(500, str(error))
        except OSError:
            self.close_connection = True  # the client has left

    def _check_visitor(self) -> None:
        """Refuse web pages of other origins, and pages that have renamed this machine."""
        port = self.server.server_port
        own = {f"{name}:{port}" for name in (HOST, "localhost")}
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if host.lower() not in own:
            raise Refused(f"Host {host[:100]!r} is refused: expected {HOST}:{port}.", 403)
        if origin is not None and origin.lower() not in {f"http://{name}" for name in own}:
            raise Refused(f"Web pages of {origin[:100]!r} are refused.", 403)
        # Other pages may lead here, but not embed or fetch anything.
        site = self.headers.get("Sec-Fetch-Site", "none")
        leads = self.headers.get("Sec-Fetch-Mode") == "navigate" and self.command == "GET"
        if site not in ("none", "same-origin") and not (leads and self._path() == "/"):
            raise Refused("Web pages of other origins are refused.", 403)

    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _api(self) -> Api:
        if self.server.api is None:
            raise Unavailable("The cloud is starting.")
        return self.server.api

    def _get(self) -> None:
        path = self._path()
        query = {name: texts[-1] for name, texts in parse_qs(urlsplit(self.path).query).items()}
        if path == "/api/events":
            self._events()
        elif match := re.fullmatch("/api/buckets/([^/]+)/blobs/(.+)", path):
            self._blob(*map(unquote, match.groups()))
        elif path.startswith("/api/"):
            self._json(200, self._api.read(path, query))
        else:
            self._file(path)

    def _post(self) -> None:
        body = self._body()
        name = self._path().removeprefix("/api/actions/")
        if name == self._path():
            raise Unknown(f"There is nothing to post to at {name}.")
        if self.headers.get_content_type() != "application/json":
            raise Refused("Expected the content type application/json.", 415)
        try:
            members = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise Refused("The body is not JSON.") from None
        if not isinstance(members, dict):
            raise Refused("Expected a JSON object.")
        self._json(200, self._api.actions.do(name, members))

    def _body(self) -> bytes:
        size = _whole_number(self.headers.get("Content-Length", "0"))
        if size is None or size > _MOST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused("Expected a Content-Length of at most 16 MiB.", 413)
        return self.rfile.read(size)

    def _events(self) -> None:
        """Send the state, then events as they happen, and the state again whenever it changes.

        A reader that does not keep up is sent the state instead of the events that it has missed.
        """
        api = self._api
        if not self.server.readers.acquire(blocking=False):
            raise Unavailable("There are too many readers.")
        try:
            self._head(200, "text/event-stream", {"Connection": "close"})
            self.close_connection = True
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            state, is_current = self._send_state(api)
            while not self.server.stopped.is_set():
                if not api.flow.wait(state, _SILENCE if is_current else _RETRY) and is_current:
                    self._send(": still here\n\n")
                    continue
                events = api.flow.events(state)
                if events:
                    self._send(f"event: flow\ndata: {json.dumps(events)}\n\n")
                state, is_current = self._send_state(api)
                self.server.stopped.wait(_PERIOD)
        finally:
            self.server.readers.release()

    def _send_state(self, api: Api) -> tuple[int, bool]:
        """Send the state, unless the broker is being restarted.

        Returns:
            The number of the latest event that the reader knows, and whether the state was sent.
        """
        sequence = api.flow.sequence
        try:
            document = api.state.document()
        except BrokerFailed:
            return sequence, False
        self._send(f"event: state\ndata: {json.dumps(document)}\n\n")
        return int(document["sequence"]), True

    def _send(self, text: str) -> None:
        self.wfile.write(text.encode())

    def _blob(self, bucket: str, blob: str) -> None:
        """Send the content of a blob: what is harmless to look at as what it is."""
        with self._api.buckets.content(bucket, blob) as (kind, content):
            shown = kind if _PREVIEWED.fullmatch(kind) else "application/octet-stream"
            policy = {"Content-Security-Policy": "sandbox; default-src 'none'"}
            self._head(200, shown, policy | {"Connection": "close"})
            self.close_connection = True
            shutil.copyfileobj(content, self.wfile)

    def _file(self, path: str) -> None:
        """Send a file of the page."""
        name = "index.html" if path == "/" else path.removeprefix("/")
        files = {file.name: file for file in _STATIC.iterdir()} if _STATIC.is_dir() else {}
        file = files.get(name)
        content_type = file and (_TYPES.get(file.suffix) or mimetypes.types_map.get(file.suffix))
        if file is None or not content_type:
            raise Unknown(f"There is nothing at {path}.")
        self._whole(200, content_type, file.read_bytes())

    def _json(self, status: int, document: Any) -> None:
        self._whole(status, "application/json", json.dumps(document).encode())

    def _problem(self, status: int, text: str) -> None:
        """Answer with an error, if nothing else was sent yet."""
        document = {"status": status, "title": HTTPStatus(status).phrase, "detail": text}
        self.close_connection = True  # the body of the request may not have been read
        with suppress(OSError):
            self._whole(status, "application/problem+json", json.dumps(document).encode())

    def _whole(self, status: int, kind: str, body: bytes) -> None:
        headers = {"Content-Length": str(len(body))}
        if self.close_connection:
            headers["Connection"] = "close"
        self._head(status, kind, headers)
        self.wfile.write(body)

    def _head(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        fixed = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }
        self.send_response(status)
        for name, text in ({"Content-Security-Policy": _POLICY} | fixed | dict(headers)).items():
            self.send_header(name, text)
        self.end_headers()


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    number = _whole_number(query.get(name, str(default)))
    if number is None or not 1 <= number <= most:
        raise Refused(f"{name}: expected a number from 1 to {most}")
    return number


def _whole_number(text: str) -> int | None:
    """Return a number of at most nine digits; None for other texts.

    Python refuses to read numbers of thousands of digits.
    """
    return int(text) if text.isdecimal() and len(text) <= 9 else None
