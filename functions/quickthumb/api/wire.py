"""Protects uvicorn's HTTP protocol from slow and malicious clients.

One thread parses all requests: few bytes that take long to parse delay all other clients. Idle
connections take up places of other clients.
"""

import asyncio
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import H11Protocol

try:
    from uvicorn_worker import UvicornWorker
except ImportError:  # it runs in gunicorn, which Windows does not have
    UvicornWorker = None

_SLICE_BYTES = 8 * 1024
"""Bytes of heads and chunks to parse at a time; asyncio reads up to 32 times as much."""

_HEAD_BYTES = 64 * 1024
"""Approximate maximum size of the head of a request."""

_OVERHEAD_BYTES = 2 * _SLICE_BYTES
"""Maximum chunk overhead of a body, beyond the size of its content. Chunks of one byte have an
overhead of five bytes, and take 20 microseconds each."""

PATIENCE_SECONDS = 20.0
"""Deadline for receiving the head of a request, and for dropping the rest of a body after the
response."""


class Wire(H11Protocol):
    """A connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn: _Strict = _Strict(h11.SERVER, _HEAD_BYTES)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            size = len(data) if self.conn.is_plain else _SLICE_BYTES
            super().data_received(data[:size])
            data = data[size:]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Reject an invalid request, unless a response has started."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Set a deadline while the connection waits for its client."""
        ours, theirs = self.conn.our_state, self.conn.their_state
        waits = theirs is h11.IDLE or (ours is h11.DONE and theirs is h11.SEND_BODY)
        if waits and self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE_SECONDS, self.transport.close)
        elif not waits and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Strict(h11.Connection):
    """Rejects bodies with excessive chunk overhead or ambiguous length."""

    _overhead = 0
    _is_chunked = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._receive_buffer = _Buffer()

    @property
    def is_plain(self) -> bool:
        """Whether the next bytes are plain content."""
        return self.their_state is h11.SEND_BODY and not self._is_chunked

    def receive_data(self, data: bytes) -> None:
        self._overhead += len(data)
        super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            self._overhead, self._is_chunked = 0, b"transfer-encoding" in names
            if self._is_chunked and b"content-length" in names:
                # Request smuggling: https://www.rfc-editor.org/rfc/rfc9112#section-6.1-15
                raise h11.RemoteProtocolError("the body has two lengths")
        elif isinstance(event, h11.Data):
            self._overhead = max(0, self._overhead - 2 * len(event.data))
            if self._overhead > _OVERHEAD_BYTES:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        return event


class _Buffer(ReceiveBuffer):
    """Hands over content as it is, where the base class copies it twice."""

    def maybe_extract_at_most(self, count: int) -> bytearray | None:
        if not 0 < len(self) <= count:
            return super().maybe_extract_at_most(count)
        content, self._data = self._data, bytearray()
        self._next_line_search = self._multiple_lines_search = 0
        return content


def install() -> None:
    """Use this protocol in the server that functions-framework starts for ASGI functions.

    WebSockets are off. There are none, and their library, if installed, is slow to import.
    """
    if UvicornWorker is not None:
        UvicornWorker.CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, "http": Wire, "ws": "none"}
        return
    from uvicorn import config

    config.HTTP_PROTOCOLS["auto"] = f"{Wire.__module__}:{Wire.__name__}"
    config.WS_PROTOCOLS["auto"] = None
