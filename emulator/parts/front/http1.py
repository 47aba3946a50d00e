"""Strict parsing of HTTP/1.1 heads: anything ambiguous is refused.

If a guard and the server behind it parse a request differently, a second request can be smuggled
past the guard (https://www.rfc-editor.org/rfc/rfc9112#section-11.2). Framing is therefore parsed
once, here, and written anew: https://www.rfc-editor.org/rfc/rfc9112#section-6.
"""

import re
from dataclasses import dataclass

MAX_HEAD = 64 * 1024
"""Maximum bytes of a head."""

_REQUEST = re.compile(
    rb"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.([01])\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*)\r\n"
)
_ANSWER = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect")
)

Headers = list[tuple[str, str]]
"""Names and values. Names that were received are in lower case."""

JSON: Headers = [("Content-Type", "application/json; charset=UTF-8")]


class Refused(Exception):
    """A request is refused with an HTTP status; the message says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Malformed(Refused):
    """A message is not valid HTTP/1.1, or is ambiguous."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(status, why)


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.

    Attributes:
        method: GET, and so on.
        target: path and query.
        headers: in the order received.
        host: the value of `Host`.
        length: bytes of the body; None if it is chunked.
        lasts: whether the connection stays open for further requests.
        waits: whether the client waits for `100 Continue` before it sends the body.
    """

    method: str
    target: str
    headers: Headers
    host: str
    length: int | None
    lasts: bool
    waits: bool

    def get(self, name: str) -> str | None:
        """Return the value of a header, None if it is absent.

        Raises:
            Malformed: it is repeated.
        """
        return _only(self.headers, name)

    def passed_on(self) -> Headers:
        """Return the end-to-end headers."""
        nominated = (_only(self.headers, "connection") or "").lower().split(",")
        left_out = _HOP_BY_HOP.union(name.strip() for name in nominated)
        return [header for header in self.headers if header[0] not in left_out]


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; see `Request`."""

    status: int
    headers: Headers
    length: int | None


def read_request(head: bytes) -> Request:
    """Parse the head of a request, including the empty line that ends it.

    Raises:
        Malformed: it is invalid or ambiguous.
    """
    match = _REQUEST.fullmatch(head)
    if match is None:
        raise Malformed(_fault(head))
    headers = _headers(match[4])
    host = _only(headers, "host")
    if host is None:
        raise Malformed("The request has no Host header.")
    length = _length(headers)
    version = match[3]
    if length is None and version == b"0":
        raise Malformed("HTTP/1.0 requests cannot be chunked.")
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
    """Parse the head of the answer to a request with this method.

    Raises:
        Malformed: it is invalid, or does not say where the body ends.
    """
    match = _ANSWER.fullmatch(head)
    if match is None:
        raise Malformed("The server's answer is not HTTP/1.1.")
    headers = _headers(match[2])
    status = int(match[1])
    length: int | None = 0
    if method != "HEAD" and status not in (204, 304) and status >= 200:
        if not any(name in ("content-length", "transfer-encoding") for name, _ in headers):
            raise Malformed("The server's answer does not say where it ends.")
        length = _length(headers)
    return Answer(status, headers, length)


def write_head(start: str, headers: Headers) -> bytes:
    """Return the bytes of a head."""
    lines = [start, *(f"{name}: {value}" for name, value in headers), "\r\n"]
    return "\r\n".join(lines).encode("latin-1")


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
                raise Malformed(f"The header {name} is repeated.")
            found = value
    return found


def _length(headers: Headers) -> int | None:
    """Return the length of a body in bytes, 0 if there is none, None if it is chunked."""
    length, encoding = _only(headers, "content-length"), _only(headers, "transfer-encoding")
    if encoding is not None:
        if length is not None:
            raise Malformed("Both Content-Length and Transfer-Encoding are present.")
        if encoding.lower() != "chunked":
            raise Malformed(f"Transfer-Encoding {encoding[:50]!r}: expected chunked.")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise Malformed(f"Content-Length {length[:50]!r}: expected a number.")
    return int(length)


def _fault(head: bytes) -> str:
    """Return what is wrong with the head of a request."""
    lines = head.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        return "A line of the head does not end with CRLF."
    if any(line[:1] in (b" ", b"\t") for line in lines[1:]):
        return "A header is folded onto a second line, which HTTP/1.1 forbids."
    if not re.fullmatch(rb"[A-Z]{1,20} /[!-~]* HTTP/1\.[01]", lines[0]):
        return f"{lines[0][:100].decode('latin-1')!r}: expected METHOD /PATH HTTP/1.1."
    return "A line of the head is not a header: expected NAME: VALUE in printable characters."
