"""How bytes become requests: uvicorn's protocol, within bounds that it does not set itself.

One thread reads for everybody. Whoever makes it work long for few bytes keeps all others waiting,
and whoever connects and says nothing has a connection that nobody else can have.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn_worker import UvicornWorker

_SLICE_BYTES = 8 * 1024
"""Parsed at a time, of heads and chunks; asyncio reads up to 32 times as much."""

_HEAD_BYTES = 64 * 1024
"""The most that the head of a request may have, about."""

_OVERHEAD_BYTES = 2 * _SLICE_BYTES
"""The most that a body may have around its content, beside as much again as its content. Chunks of
one byte each have five times as much, and take 20 microseconds each."""

PATIENCE_SECONDS = 20.0
"""Within which the head of a request has to be complete; and for how long the rest of a body is
read and dropped after its answer."""


class Wire(H11Protocol):
    """A connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn: _Strict = _Strict(h11.SERVER, _HEAD_BYTES)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        while data and not self.transport.is_closing():
            size = len(data) if self.conn.is_plain else _SLICE_BYTES
            super().data_received(data[:size])
            data = data[size:]
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or no longer; there is no other answer beside it."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Give a connection that has nothing to do but wait for its client a deadline."""
        ours, theirs = self.conn.our_state, self.conn.their_state
        waits = theirs is h11.IDLE or (ours is h11.DONE and theirs is h11.SEND_BODY)
        if waits and self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE_SECONDS, self.transport.close)
        elif not waits and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Strict(h11.Connection):
    """Refuses a body that is hardly anything but what surrounds it, or whose end is disputed."""

    _overhead = 0
    _is_chunked = False

    @property
    def is_plain(self) -> bool:
        """Whether what comes next is content and nothing else."""
        return self.their_state is h11.SEND_BODY and not self._is_chunked

    def receive_data(self, data: bytes) -> None:
        """See `h11.Connection`."""
        self._overhead += len(data)
        super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """See `h11.Connection`."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            self._overhead, self._is_chunked = 0, b"transfer-encoding" in names
            if self._is_chunked and b"content-length" in names:
                # A proxy may believe the other one: https://www.rfc-editor.org/rfc/rfc9112#section-6.1-15
                raise h11.RemoteProtocolError("the body has two lengths")
        elif isinstance(event, h11.Data):
            self._overhead = max(0, self._overhead - 2 * len(event.data))
            if self._overhead > _OVERHEAD_BYTES:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        return event


def install() -> None:
    """Have the server that functions-framework starts for ASGI functions use it."""
    UvicornWorker.CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, "http": Wire}
