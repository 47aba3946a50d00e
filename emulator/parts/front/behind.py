"""Connections to the storage server, whose address only the front knows."""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from emulator.parts.front import http1
from emulator.parts.front.http1 import Answer, Headers, Malformed
from emulator.parts.front.streams import Gone, Stream


@dataclass(frozen=True, slots=True)
class Server:
    """Where the storage server listens.

    Attributes:
        host: address.
        port: port.
        tls: whether it uses TLS, with a self-signed certificate that browsers reject.
    """

    host: str
    port: int
    tls: bool = False

    def connect(self) -> Stream:
        """Open a connection.

        Raises:
            Gone: the server does not answer.
        """
        try:
            connection = socket.create_connection((self.host, self.port), timeout=5)
            if self.tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE  # TLS is only there to keep browsers out
                connection = context.wrap_socket(connection)
            return Stream(connection)
        except OSError as error:
            raise Gone(str(error)) from error


class Behind:
    """The connection to the storage server for one client connection, opened on demand."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stream: Stream | None = None

    def reach(self) -> Stream:
        """Return the connection, a new one if the last has ended.

        Raises:
            Gone: the server does not answer.
        """
        if self._stream is not None and not self._stream.is_idle():
            self.leave()
        if self._stream is None:
            self._stream = self._server.connect()
        return self._stream

    def leave(self) -> None:
        """Close the connection, so that leftovers are not taken for the next answer."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def ask(self, start: str, headers: Headers, body: Iterable[bytes]) -> tuple[int, bytes]:
        """Make a request; return status and body of the answer.

        Raises:
            Gone: the server does not answer.
        """
        try:
            server = self.reach()
            server.send(http1.write_head(f"{start} HTTP/1.1", headers))
            for block in body:
                server.send(block)
            answer = answer_of(server, start.partition(" ")[0])
            return answer.status, b"".join(map(bytes, server.body(answer.length)))
        except Gone:
            self.leave()
            raise


def answer_of(server: Stream, method: str) -> Answer:
    """Read the head of the server's final answer to a request with this method.

    Raises:
        Gone: the server does not answer, or not in HTTP.
    """
    try:
        while True:
            answer = http1.read_answer(server.head(), method)
            if answer.status >= 200:
                return answer
    except Malformed as error:
        raise Gone(str(error)) from error
