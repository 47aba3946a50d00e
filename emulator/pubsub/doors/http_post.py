"""Concurrent HTTP requests on asyncio, over persistent connections."""

import asyncio
import ssl
from functools import cache
from urllib.parse import SplitResult, urlsplit

import h11

_READ_BYTES = 65_536
_USER_AGENT = "CloudPubSub-Google"

# Idle connections are closed after this time. A request on a connection that the server is just
# closing fails, and of the widely used servers Gunicorn closes idle connections first: after 2 s.
MAX_IDLE_SECONDS = 1.0

# In HTTP, 102 Processing precedes the actual response; in Pub/Sub it acknowledges a message.
PROCESSING = 102


_NO_RESPONSE = "the endpoint closed the connection without a response"


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.state = h11.Connection(h11.CLIENT)
        self.expiry: asyncio.TimerHandle  # Set while the connection is idle.

    async def status(self, request: h11.Request, body: bytes) -> int:
        """Send a request, read the whole response, and return its status."""
        state = self.state
        parts = [state.send(request), state.send(h11.Data(body)), state.send(h11.EndOfMessage())]
        self.writer.writelines(part for part in parts if part)
        await self.writer.drain()
        status = 0
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                data = await self.reader.read(_READ_BYTES)
                if not (data or status):
                    raise ConnectionResetError(_NO_RESPONSE)
                state.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == PROCESSING:
                    return PROCESSING
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                return status
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError(_NO_RESPONSE)

    def reusable(self) -> bool:
        """Prepare for the next request, and return whether that is possible."""
        if self.state.our_state is h11.DONE and self.state.their_state is h11.DONE:
            self.state.start_next_cycle()
            return not self.reader.at_eof()
        return False


class HttpPoster:
    """Sends requests, most of them POST; redirects are not followed."""

    def __init__(self) -> None:
        """Start without connections."""
        self._idle: dict[tuple[str, str], list[_Connection]] = {}

    async def post(
        self,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes,
        seconds: float,
        *,
        method: str = "POST",
    ) -> int:
        """Send a request and return the status code of the response.

        Args:
            url: An `http:` or `https:` URL.
            headers: In addition to those that every request has.
            body: The body.
            seconds: Timeout for the whole response.
            method: Of the request.

        Raises:
            TimeoutError: If the response does not arrive in time.
            OSError: If the endpoint cannot be reached, or closes the connection.
            h11.ProtocolError: If the response or the headers are not valid HTTP.
            ValueError: If the host name in the URL is invalid.
        """
        parts = urlsplit(url)
        request = h11.Request(
            method=method,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            headers=[
                ("Host", parts.netloc.rpartition("@")[2]),
                ("Accept", "application/json"),
                ("User-Agent", _USER_AGENT),
                ("Content-Length", str(len(body))),
                *headers,
            ],
        )
        async with asyncio.timeout(seconds):
            return await self._exchange(parts, request, body)

    def close(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            while connections:
                _end(connections, connections[-1])
        self._idle.clear()

    async def _exchange(self, parts: SplitResult, request: h11.Request, body: bytes) -> int:
        idle = self._idle.setdefault((parts.scheme, parts.netloc), [])
        while idle:
            connection = idle.pop()
            connection.expiry.cancel()
            if not connection.reader.at_eof():
                break
            connection.writer.close()
        else:
            connection = await _connect(parts)
        keep = False
        try:
            status = await connection.status(request, body)
            keep = connection.reusable()
        finally:
            if keep:
                _keep(idle, connection)
            else:
                connection.writer.close()
        return status


def _keep(idle: list[_Connection], connection: _Connection) -> None:
    """Keep a connection for the next request, for a limited time."""
    idle.append(connection)
    connection.expiry = asyncio.get_running_loop().call_later(
        MAX_IDLE_SECONDS, _end, idle, connection
    )


def _end(idle: list[_Connection], connection: _Connection) -> None:
    idle.remove(connection)
    connection.expiry.cancel()
    connection.writer.close()


async def _connect(parts: SplitResult) -> _Connection:
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname,
        parts.port or (443 if secure else 80),
        ssl=_secure() if secure else None,
    )
    return _Connection(reader, writer)


@cache
def _secure() -> ssl.SSLContext:
    """Return the TLS context of all connections; making it reads the machine's CA certificates."""
    return ssl.create_default_context()
