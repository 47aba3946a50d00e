"""Hostile requests by kind."""

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

import requests

from bench.hostile_files import ATTACKS, attack
from emulator.bootstrap import ROOT

PICTURE = (ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg").read_bytes()
TINY = bytes.fromhex(
    "47494638396101000100800000000000ffffff2c00000000010001000002024401003b"
)  # GIF
_CUT = 5.0  # seconds after which a client that would never end gives up

Attack = Callable[..., str]
"""Attacks a URL, with headers that authenticate the caller if the function requires it; returns a
short description of the response."""

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of hostile request.

    Attributes:
        name: for the table.
        part: the function to attack.
        attack: makes one request.
        at_once: number of attackers.
        per_second: maximum rate of requests. More would take the processors from the service, since
            the attackers run on the same machine.
        picture: name of the expensive file to send, one of `ATTACKS`, if any; the outcome of its
            job is reported as well.
    """

    name: str
    part: str
    attack: Attack
    at_once: int = 4
    per_second: float = 8
    picture: str = ""


def _send(url: str, pieces: Iterator[bytes], seconds: float = 30) -> str:
    """Send bytes as they are; return the status of the answer."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), seconds) as connection:
        with suppress(OSError):  # closed while we sent; there may be a response anyway
            for piece in pieces:
                connection.sendall(piece)
        with suppress(OSError):
            head = connection.recv(4096)
            if head:
                return head.split(b" ", 2)[1].decode()
    return "closed"


def _request(
    body: bytes | Iterator[bytes] = b"", *, length: str | None = None, **headers: str
) -> Iterator[bytes]:
    head = {"Host": "x", **{name.replace("_", "-"): text for name, text in headers.items()}}
    if length is None and isinstance(body, bytes):
        length = str(len(body))
    if length is not None:
        head["Content-Length"] = length
    lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
    yield f"POST / HTTP/1.1\r\n{lines}\r\n".encode()
    yield from [body] if isinstance(body, bytes) else body


_FORM = "multipart/form-data; boundary=b"


def _part(disposition: str, content: bytes = b"x") -> bytes:
    head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


def _form(parts: Sequence[bytes]) -> Iterator[bytes]:
    return _request(b"".join(parts) + b"--b--\r\n", Content_Type=_FORM)


def many_fields(url: str) -> str:
    """10,000 fields in a form."""
    return _send(url, _form([_part(f'name="f{n}"') for n in range(10_000)]))


def many_files(url: str) -> str:
    """10,000 files in a form."""
    return _send(url, _form([_part(f'name="file"; filename="{n}"', TINY) for n in range(10_000)]))


def endless_part_header(url: str) -> str:
    """The header of a part that goes on for 30 MB."""
    body = b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 30_000_000
    return _send(url, _request(body, Content_Type=_FORM))


def many_part_headers(url: str) -> str:
    """A part with a million headers."""
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    return _send(url, _request(body + b"X-A: b\r\n" * 1_000_000, Content_Type=_FORM))


def no_closing_boundary(url: str) -> str:
    """A form of 30 MB without an end."""
    return _send(
        url, _request(_part('name="file"; filename="a"', bytes(30_000_000)), Content_Type=_FORM)
    )


def boundaries_only(url: str) -> str:
    """30 MB of boundaries."""
    return _send(url, _request(b"--b\r\n" * 6_000_000, Content_Type=_FORM))


def endless_headers(url: str) -> str:
    """Request headers without an end."""

    def pieces() -> Iterator[bytes]:
        yield b"POST / HTTP/1.1\r\nHost: x\r\n"
        for _ in range(1000):
            yield b"X-A: " + b"a" * 10_000 + b"\r\n"

    return _send(url, pieces())


def slow_headers(url: str) -> str:
    """A header line, a byte at a time."""

    def pieces() -> Iterator[bytes]:
        yield b"POST / HTTP/1.1\r\nHost: x\r\nX-A: "
        end = time.monotonic() + _CUT
        while time.monotonic() < end:
            yield b"a"
            time.sleep(0.2)

    return _send(url, pieces(), 1)


def slow_body(url: str) -> str:
    """A body, a byte at a time."""

    def body() -> Iterator[bytes]:
        end = time.monotonic() + _CUT
        while time.monotonic() < end:
            yield b"a"
            time.sleep(0.2)

    return _send(url, _request(body(), length="1000000"), 1)


def slow_reader(url: str) -> str:
    """A client that sends requests and does not read the responses."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), 5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        with suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        time.sleep(_CUT)
    return "closed"


def length_too_large(url: str) -> str:
    """A Content-Length above the body, and then nothing."""
    return _send(url, _request(PICTURE, length=str(len(PICTURE) + 1000)), 2)


def length_too_small(url: str) -> str:
    """A Content-Length below the body."""
    return _send(url, _request(PICTURE, length="100"))


def length_nonsense(url: str) -> str:
    """A Content-Length that is not a number."""
    return _send(url, _request(PICTURE, length="-1"))


def length_lie(url: str) -> str:
    """A Content-Length of a terabyte."""
    return _send(url, _request(PICTURE, length=str(10**12)), 2)


def two_lengths(url: str) -> str:
    """Both Content-Length and Transfer-Encoding, for request smuggling."""
    body = b"0\r\n\r\nDELETE /x HTTP/1.1\r\nHost: x\r\n\r\n"
    return _send(url, _request(body, Transfer_Encoding="chunked"))


_NAMES = (
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\a.jpg",
    "a.jpg\u0000.exe",
    "\u202egpj.exe",
    "a" * 100_000,
    'a.jpg\\"\\r\\nX-Evil: 1',
    "con",
    "\ufeff\u200b",
    "\ud800",
    "e\u0301" * 1000,
)


def odd_names(url: str) -> str:
    """File names with paths, terminators, bidirectional controls or invalid characters."""
    statuses = {
        _send(url, _form([_part(f'name="file"; filename="{name}"', PICTURE)])) for name in _NAMES
    }
    return "/".join(sorted(statuses))


def header_injection(url: str) -> str:
    """Line breaks in paths and queries."""
    statuses = set()
    for target in ("/%0d%0aX-Evil:%201", "/?sizes=1%0d%0aX-Evil:%201", "/a/b%0aX-Evil:1"):
        answer = requests.get(url + target, timeout=30)
        assert "X-Evil" not in answer.headers
        statuses.add(str(answer.status_code))
    return "/".join(sorted(statuses))


def repeated_ids(url: str) -> str:
    """The same id deleted again and again."""
    id = "0" * 32
    return "/".join(
        {str(requests.delete(f"{url}/{id}", timeout=30).status_code) for _ in range(20)}
    )


GUESSES = 50
"""Number of guesses in a request for signed addresses."""


def unsigned_guesses(url: str) -> str:
    """Addresses of thumbnails that are not signed, or wrongly, over one connection."""
    address, statuses, id = urlsplit(url), set(), "0" * 32
    connection = HTTPConnection(str(address.hostname), address.port, timeout=30)
    for guess in range(GUESSES):
        signature = f"?fit=cover&signature={secrets.token_hex(32)}" if guess % 2 else ""
        connection.request("GET", f"/{id}/{guess + 1}x{guess + 2}.webp{signature}")
        answer = connection.getresponse()
        answer.read()
        statuses.add(str(answer.status))
    connection.close()
    return "/".join(sorted(statuses))


def polyglot(url: str) -> str:
    """A GIF that is also an HTML page."""
    data = TINY[:-1] + b"<script>alert(1)</script>" + TINY[-1:]
    answer = requests.post(url, data, headers={"Content-Type": "text/html"}, timeout=30)
    id = answer.json()["id"]
    for _ in range(6):  # jobs of other pictures precede it
        thumb = requests.get(f"{url}/{id}/256", params={"wait": 20}, timeout=60)
        if thumb.ok:
            break
    assert thumb.headers["X-Content-Type-Options"] == "nosniff"
    assert thumb.headers["Content-Type"].startswith("image/")
    assert b"<script>" not in thumb.content
    return f"{answer.status_code}/{thumb.status_code}"


_session = threading.local()


def tiny_files(url: str) -> str:
    """A form of twenty tiny pictures: with 500 of these, 10,000 files."""
    if not hasattr(_session, "session"):
        _session.session = requests.Session()
    files = [("file", (f"{n}.gif", TINY)) for n in range(20)]
    return str(_session.session.post(url, files=files, timeout=60).status_code)


def _push(url: str, body: bytes, headers: Headers) -> str:
    headers = {"Content-Type": "application/json", **headers}
    return str(requests.post(url, body, headers=headers, timeout=60).status_code)


def push_nonsense(url: str, headers: Headers) -> str:
    """Bodies that are not JSON, not messages or not jobs."""
    bodies = (
        b"",
        b"\xff\xfe",
        b"{}",
        b'{"message": {"data": "!"}}',
        b'{"message": {"data": "e30="}}',
        json.dumps(
            {"message": {"data": "", "attributes": {"eventType": "OBJECT_DELETE"}}}
        ).encode(),
    )
    return "/".join(sorted({_push(url, body, headers) for body in bodies}))


def push_deep(url: str, headers: Headers) -> str:
    """JSON with a hundred thousand nested brackets."""
    return _push(url, b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}", headers)


def push_huge(url: str, headers: Headers) -> str:
    """A message of 30 MB."""
    return _push(url, b'{"message":{"data":"' + b"A" * 30_000_000 + b'"}}', headers)


def push_bucket(url: str, headers: Headers) -> str:
    """A job in another bucket, with the id derived from it."""
    name = "incoming/a.jpg"
    job = {
        "id": hashlib.sha256(f"evil/{name}#1".encode()).hexdigest()[:32],
        "bucket": "evil",
        "name": name,
        "generation": 1,
        "renditions": [{"name": "256", "width": 256, "height": 256}],
    }
    data = base64.b64encode(json.dumps(job).encode()).decode()
    return _push(url, json.dumps({"message": {"data": data, "messageId": "1"}}).encode(), headers)


def push_garbage_token(url: str, headers: Headers) -> str:
    """An invalid token where one is required."""
    return _push(url, b"{}", headers | {"Authorization": "Bearer " + "A" * 4000})


def costly_file(name: str, url: str) -> str:
    """A small file that is expensive to decode."""
    return str(requests.post(url, attack(name), timeout=60).status_code)


def most_metadata(url: str) -> str:
    """The most options, and the longest file name, that a request can have."""
    options = {"sizes": "4001,4002,4003,4004,4005,4006,4007,4008", "fit": "cover"}
    options |= {"gravity": "smart", "format": "webp", "quality": "99", "background": "abcdef"}
    files = {"file": ("\U0001f600" * 255, PICTURE)}
    return str(requests.post(url, data=options, files=files, timeout=60).status_code)


def pictures() -> Iterator[Kind]:
    """Yield every expensive file as a kind; two per second, since some keep a processor busy."""
    for name in ATTACKS:
        yield Kind(name, "upload", partial(costly_file, name), per_second=2, picture=name)


KINDS = (
    Kind("10,000 fields in a form", "upload", many_fields),
    Kind("10,000 files in a form", "upload", many_files),
    Kind("header of a part, 30 MB", "upload", endless_part_header),
    Kind("a million headers of a part", "upload", many_part_headers),
    Kind("30 MB of boundaries", "upload", boundaries_only),
    Kind("form of 30 MB without an end", "upload", no_closing_boundary),
    Kind("request headers without an end", "upload", endless_headers),
    Kind("200 clients, headers byte by byte", "upload", slow_headers, 200, 100),
    Kind("200 clients, bodies byte by byte", "upload", slow_body, 200, 100),
    Kind("200 clients that do not read", "upload", slow_reader, 200, 100),
    Kind("Content-Length above the body", "upload", length_too_large),
    Kind("Content-Length below the body", "upload", length_too_small),
    Kind("Content-Length -1", "upload", length_nonsense),
    Kind("Content-Length of a terabyte", "upload", length_lie),
    Kind("two lengths at once", "upload", two_lengths),
    Kind("odd file names", "upload", odd_names, 1),
    Kind("line breaks in paths", "upload", header_injection),
    Kind("the same id deleted again", "upload", repeated_ids, 1),
    Kind(f"{GUESSES} guesses of signed addresses", "upload", unsigned_guesses, per_second=4),
    Kind("GIF that is also a page", "upload", polyglot, 1),
    Kind("10,000 tiny files, 20 in a form", "upload", tiny_files, 2, 2),
    Kind("push: nonsense", "resize", push_nonsense, 1),
    Kind("push: 100,000 brackets", "resize", push_deep, 1),
    Kind("push: 30 MB", "resize", push_huge, 1),
    Kind("push: a job of another bucket", "resize", push_bucket, 1),
    Kind("push: a garbage token", "resize", push_garbage_token),
    Kind("most metadata", "upload", most_metadata, 1, 0.2),
    *pictures(),
)
