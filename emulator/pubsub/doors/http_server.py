"""HTTP/1.1 connections: requests with bounded bodies, one after another.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

# The largest publish request is 10 MB; its data grows by a third in base64.
MAX_BODY_BYTES = 16 * 1024 * 1024

# Of all bodies that are being received or answered at the same time.
MAX_BODIES_BYTES = 256 * 1024 * 1024

# A request has to arrive within this time, and its response to be read; connections are also kept
# idle this long.
REQUEST_SECONDS = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        method: In upper case.
        path: Percent-encoded.
        query: What follows the question mark.
        headers: Names are lower-case; repeated ones are joined by commas.
        body: The whole body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """A response; its length and date are added."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


Answer = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body of a request is larger than the limit."""


class HttpServer:
    """What its connections share.

    Attributes:
        answer: Answers a request. It is cancelled when the client disconnects.
        connections: Those that are open.
        held: Bytes of bodies in memory.
    """

    def __init__(self, answer: Answer) -> None:
        """Serve with this function."""
        self.answer = answer
        self.connections: set[HttpConnection] = set()
        self.held = 0

    async def close(self, grace: float) -> None:
        """Wait for requests in progress for so many seconds, then close all connections."""
        for connection in list(self.connections):
            connection.finish()
        busy = [connection.task for connection in self.connections if connection.task]
        if busy:
            await asyncio.wait(busy, timeout=grace)
        for connection in list(self.connections):
            connection.transport.abort()


class HttpConnection(asyncio.Protocol):
    """A connection.

    Attributes:
        transport: Its transport.
        task: Answers the current request.
    """

    transport: asyncio.Transport
    task: asyncio.Task[None] | None = None

    def __init__(self, server: HttpServer) -> None:
        """Start a connection of a server."""
        self._server = server
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request
        self._body = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._last = False
        self._is_slow = False  # the client does not read what it is sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for a request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells the type checker
        self.transport = transport
        self._server.connections.add(self)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        self._http.receive_data(data)
        if self.task is None:
            self._advance()
        else:
            # The next request waits here until this one is answered.
            self.transport.pause_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop answering: nobody would receive it."""
        self._server.connections.discard(self)
        self._unwatch()
        self._drop_body()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        """Answer no other request: its response would only wait in memory."""
        self._is_slow = True

    def resume_writing(self) -> None:
        """Go on with the next request."""
        self._is_slow = False
        if self.task is None and self._http.our_state is h11.DONE:
            self._next()

    def finish(self) -> None:
        """Close the connection as soon as the current request is answered."""
        self._last = True
        if self.task is None:
            self.transport.close()

    def _advance(self) -> None:
        """Handle what has arrived, up to the end of a request."""
        try:
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Request):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._collect(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._unwatch()
                    self.task = asyncio.ensure_future(self._respond())
                    self.task.add_done_callback(self._done)
                    return
                else:
                    self.transport.close()
                    return
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))
        except TooLarge as error:
            self._refuse(413, str(error))

    def _collect(self, data: bytes) -> None:
        if len(self._body) + len(data) > MAX_BODY_BYTES:
            raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
        if self._server.held + len(data) > MAX_BODIES_BYTES:
            raise TooLarge("Too many large requests at once.")
        self._server.held += len(data)
        self._body += data

    async def _respond(self) -> None:
        head = self._head
        path, _, query = head.target.decode("latin-1").partition("?")
        headers: dict[str, str] = {}
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        method = head.method.decode("latin-1").upper()
        request = Request(method, path, query, headers, bytes(self._body))
        response = await self._server.answer(request)
        self._write(response, with_body=method != "HEAD")

    def _done(self, task: asyncio.Task[None]) -> None:
        """Go on with the next request, or end the connection."""
        self.task = None
        self._drop_body()
        if task.cancelled():
            return
        if error := task.exception():
            _log.error("a request failed", exc_info=error)
            self.transport.abort()
        elif not self.transport.is_closing():
            self._watch()
            if self._last or self._http.our_state is not h11.DONE:
                self.transport.close()
            elif not self._is_slow:
                self._next()

    def _next(self) -> None:
        """Take the next request."""
        self._http.start_next_cycle()
        self._watch()
        self.transport.resume_reading()
        self._advance()

    def _write(self, response: Response, *, with_body: bool = True) -> None:
        headers = list(response.headers)
        if response.status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Length", str(len(response.body))))
        if self._last:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(response.status).phrase
        self._send(
            h11.Response(status_code=response.status, headers=headers, reason=reason.encode())
        )
        if with_body and response.body:
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self.transport.write(data)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that is not read to its end, and close the connection."""
        self._last = True
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._write(Response(status, reason.encode(), [("Content-Type", "text/plain")]))
        self.transport.close()

    def _watch(self) -> None:
        self._unwatch()
        loop = asyncio.get_running_loop()
        # Closing it would wait for a client that does not read.
        self._timer = loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop_body(self) -> None:
        self._server.held -= len(self._body)
        self._body = bytearray()
