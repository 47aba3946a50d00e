"""The heads of HTTP/1.1 messages, read strictly: what has two readings is refused.

A request that a guard and the server behind it take apart differently smuggles a second one past
the guard (https://www.rfc-editor.org/rfc/rfc9112#section-11.2). Framing is therefore read here,
once, and written anew: https://www.rfc-editor.org/rfc/rfc9112#section-6.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MAX_HEAD = 64 * 1024
"""The most bytes of a head."""

_REQUEST = re.compile(
    rb"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*)\r\n"
)
_ANSWER = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t -~]*)?\r\n")
_OF_A_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect")
)

Headers = list[tuple[str, str]]
"""Names, in lower case where they were received, and values."""

JSON: Headers = [("Content-Type", "application/json; charset=UTF-8")]


class Refused(Exception):
    """A request is refused; the message says why.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Malformed(Refused):
    """A message is not HTTP as this server reads it."""

    def __init__(self, why: str) -> None:
        super().__init__(400, why)


class TooLong(Malformed):
    """A head, or a line, does not end."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.

    Attributes:
        method: GET, and so on.
        target: path and query.
        headers: as they came, with names in small letters.
        host: where the client thinks it is talking to.
        length: bytes of the body; None where it comes in chunks.
        lasts: whether the connection is for further requests too.
        waits: whether the client waits for leave before it sends the body.
    """

    method: str
    target: str
    headers: Headers
    host: str
    length: int | None
    lasts: bool
    waits: bool

    def get(self, name: str) -> str | None:
        """Return the value of a header, None if there is none.

        Raises:
            Malformed: there are several.
        """
        return _only(self.headers, name)

    def passed_on(self) -> Headers:
        """Return the headers that are meant for the server at the end of the way."""
        nominated = (_only(self.headers, "connection") or "").lower().split(",")
        left_out = _OF_A_CONNECTION.union(name.strip() for name in nominated)
        return [header for header in self.headers if header[0] not in left_out]


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer.

    Attributes:
        status: 200, and so on.
        headers: as they came, with names in small letters.
        length: bytes of the body; None where it comes in chunks.
    """

    status: int
    headers: Headers
    length: int | None


def read_request(head: bytes) -> Request:
    """Read the head of a request, with the empty line that ends it.

    Raises:
        Malformed: it can be read in more than one way, or not at all.
    """
    match = _REQUEST.fullmatch(head)
    if match is None:
        raise Malformed(_fault(head))
    headers = _headers(match[4])
    host = _only(headers, "host")
    if host is None:
        raise Malformed("The request has no header Host.")
    length = _length(headers)
    version = match[3]
    if length is None and version == b"0":
        raise Malformed("A request of HTTP/1.0 has no chunks.")
    connection = (_only(headers, "connection") or "").lower()
    return Request(
        method=match[1].decode(),
        target=match[2].decode(),
        headers=headers,
        host=host,
        length=length,
        lasts=version == b"1" and "close" not in connection,
        waits=(_only(headers, "expect") or "").lower() == "100-continue" and version == b"1",
    )


def read_answer(head: bytes, method: str) -> Answer:
    """Read the head of an answer to a request of a method.

    Raises:
        Malformed: it is none, or does not say where it ends.
    """
    match = _ANSWER.fullmatch(head)
    if match is None:
        raise Malformed("The answer of the server is not HTTP/1.1.")
    headers = _headers(match[2])
    status = int(match[1])
    length: int | None = 0
    if method != "HEAD" and status not in (204, 304) and status >= 200:
        if not any(name in ("content-length", "transfer-encoding") for name, _ in headers):
            raise Malformed("The answer of the server does not say where it ends.")
        length = _length(headers)
    return Answer(status, headers, length)


def write_head(start: str, headers: Headers) -> bytes:
    """Return the bytes of a head."""
    lines = [start, *(f"{name}: {value}" for name, value in headers), "\r\n"]
    return "\r\n".join(lines).encode("latin-1")


class Source(Protocol):
    """Where a body comes from."""

    def line(self) -> bytes:
        """Return the next line, with its end."""

    def blocks(self, count: int) -> Iterator[memoryview]:
        """Return so many bytes, in blocks that are good until the next one."""


def chunks(source: Source) -> Iterator[memoryview]:
    """Return the bytes of a body that comes in chunks; trailers are read and dropped.

    Raises:
        Malformed: these are no chunks.
    """
    while True:
        match = _CHUNK.fullmatch(source.line())
        if match is None:
            raise Malformed("The body is not in chunks as its head says.")
        size = int(match[1], 16)
        if size == 0:
            break
        yield from source.blocks(size)
        if source.line() != b"\r\n":
            raise Malformed("A chunk is longer than it says.")
    for _ in range(100):
        if source.line() == b"\r\n":
            return
    raise TooLong("The trailers do not end.")


def _headers(block: bytes) -> Headers:
    headers = []
    for line in block.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip(" \t")))
    return headers


def _only(headers: Headers, name: str) -> str | None:
    found = None
    for key, value in headers:
        if key == name:
            if found is not None:
                raise Malformed(f"There are several headers {name}.")
            found = value
    return found


def _length(headers: Headers) -> int | None:
    """Return the bytes of a body, 0 where no header tells of one, None where it is in chunks."""
    length, encoding = _only(headers, "content-length"), _only(headers, "transfer-encoding")
    if encoding is not None:
        if length is not None:
            raise Malformed("There are both Content-Length and Transfer-Encoding.")
        if encoding.lower() != "chunked":
            raise Malformed(f"Transfer-Encoding {encoding[:50]!r}: expected chunked.")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise Malformed(f"Content-Length {length[:50]!r}: expected a number.")
    return int(length)


def _fault(head: bytes) -> str:
    """Say what is wrong with the head of a request."""
    lines = head.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        return "A line of the head does not end with CR LF."
    if any(line[:1] in (b" ", b"\t") for line in lines[1:]):
        return "A header goes on in a second line, which HTTP/1.1 has given up."
    if not re.fullmatch(rb"[A-Z]{1,20} /[!-~]* HTTP/1\.[01]", lines[0]):
        return f"{lines[0][:100].decode('latin-1')!r}: expected METHOD /PATH HTTP/1.1."
    return "A line of the head is no header: expected NAME: VALUE, of printable characters."
