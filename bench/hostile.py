"""What hostile requests cost: `python3 -m bench.hostile`.

Starts a cloud and sends it, one kind after the other, what an attacker would send to the ports of
`upload` and `resize`. Before each and while it goes on, a person uploads an ordinary picture twenty
times a second, from a process of its own. Prints, for each kind: how it was answered; of one of it
alone the time, and the processor time of the attacked part; how many a second were then sent, the
most memory that a process of the part had, and the 99th percentile of the person's uploads
meanwhile, also in relation to calm, which is the median of as many measurements before each kind.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlsplit

import requests

from emulator.bootstrap import ROOT
from emulator.cloud import TOPOLOGY, Cloud
from emulator.console import Console
from emulator.topology import Topology

PICTURE = (ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg").read_bytes()
TINY = bytes.fromhex(
    "47494638396101000100800000000000ffffff2c00000000010001000002024401003b"
)  # GIF
_RATE = 20  # uploads a second, of the person
_ALONE = 2  # requests, to measure what one costs
_CUT = 5.0  # seconds after which a client that would never end is cut off here

Attack = Callable[[str], str]
"""Does something to a URL; returns how it was answered."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of hostile request.

    Attributes:
        name: for the table.
        part: the function it is sent to.
        attack: one of it.
        at_once: how many attackers there are.
        per_second: how many requests they begin in a second, at most: on one machine more of them
            take from the service the processors that the attackers would bring along.
    """

    name: str
    part: str
    attack: Attack
    at_once: int = 4
    per_second: float = 8


def _send(url: str, pieces: Iterator[bytes], seconds: float = 30) -> str:
    """Send bytes as they are; return the status of the answer."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), seconds) as connection:
        with suppress(OSError):  # it was closed while we sent: there may be an answer all the same
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
    """A client that asks and does not read."""
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
    """A Content-Length that is no number."""
    return _send(url, _request(PICTURE, length="-1"))


def length_lie(url: str) -> str:
    """A Content-Length of a terabyte."""
    return _send(url, _request(PICTURE, length=str(10**12)), 2)


def two_lengths(url: str) -> str:
    """Content-Length and Transfer-Encoding at once, for smuggling."""
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
    """File names that are paths, cut strings, turn text around or are no text."""
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


def polyglot(url: str) -> str:
    """A GIF that is also a page."""
    data = TINY[:-1] + b"<script>alert(1)</script>" + TINY[-1:]
    answer = requests.post(url, data, headers={"Content-Type": "text/html"}, timeout=30)
    id = answer.json()["id"]
    for _ in range(6):  # other pictures are in front of it
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


def _push(url: str, body: bytes) -> str:
    headers = {"Content-Type": "application/json"}
    return str(requests.post(url, body, headers=headers, timeout=60).status_code)


def push_nonsense(url: str) -> str:
    """What is no JSON, no message or no job."""
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
    return "/".join(sorted({_push(url, body) for body in bodies}))


def push_deep(url: str) -> str:
    """JSON in a hundred thousand brackets."""
    return _push(url, b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def push_huge(url: str) -> str:
    """A message of 30 MB."""
    return _push(url, b'{"message":{"data":"' + b"A" * 30_000_000 + b'"}}')


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
    Kind("GIF that is also a page", "upload", polyglot, 1),
    Kind("10,000 tiny files, 20 in a form", "upload", tiny_files, 2, 2),
    Kind("push: nonsense", "resize", push_nonsense, 1),
    Kind("push: 100,000 brackets", "resize", push_deep, 1),
    Kind("push: 30 MB", "resize", push_huge, 1),
)


def person(url: str, seconds: float) -> list[float]:
    """Upload an ordinary picture again and again; return what each upload took, seconds."""
    times = []
    due = time.monotonic()
    end = due + seconds
    with requests.Session() as session:
        while time.monotonic() < end:
            started = time.monotonic()
            answer = session.post(url, files={"file": ("rocket.jpg", PICTURE)}, timeout=60)
            times.append(time.monotonic() - started)
            if answer.status_code != 202:
                raise RuntimeError(f"an ordinary upload was answered with {answer.status_code}")
            due = max(due + 1 / _RATE, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
    return times


class Processes:
    """The processes of a part, and what they use; Linux."""

    def __init__(self, pid: int) -> None:
        self._pids = [pid, *_children(pid)]

    def reset(self) -> None:
        """Measure peaks from now on."""
        for pid in self._pids:
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def cpu(self) -> float:
        """Return the processor time that all have used so far, seconds."""
        ticks = 0
        for pid in self._pids:
            figures = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(figures[11]) + int(figures[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """Return the highest that one process had, MB."""
        return max(_status(pid, "VmHWM") for pid in self._pids)


def _children(pid: int) -> list[int]:
    text = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    children = [int(child) for child in text.split()]
    return children + [grandchild for child in children for grandchild in _children(child)]


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def _p99(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


class Turns:
    """Whose turn is when, so that it is so many a second."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._last = 0.0
        self._lock = threading.Lock()

    def next(self) -> float:
        """Return a time that nobody else is given, monotonic seconds."""
        with self._lock:
            self._last = max(self._last + self._interval, time.monotonic())
            return self._last


@contextmanager
def _attackers(kind: Kind, url: str, answers: Counter[str], took: list[float]) -> Iterator[None]:
    """Have attackers at work while this is entered."""
    over = threading.Event()

    def attack() -> None:
        while not over.wait(max(0.0, turns.next() - time.monotonic())):
            started = time.monotonic()
            try:
                answers[kind.attack(url)] += 1
            except requests.RequestException as error:
                answers[type(error).__name__] += 1
            took.append(time.monotonic() - started)

    turns = Turns(kind.per_second)
    with ThreadPoolExecutor(kind.at_once) as pool:
        futures = [pool.submit(attack) for _ in range(kind.at_once)]
        try:
            yield
        finally:
            over.set()
    for future in futures:
        future.result()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    Attributes:
        text: its beginning.
        calm: the 99th percentile of uploads right before, seconds.
        meanwhile: that of uploads during the attack.
    """

    text: str
    calm: float
    meanwhile: float


def _measure(cloud: Cloud, kind: Kind, people: Executor, seconds: float) -> Line:
    """Measure one kind."""
    pid = cloud.pids()[kind.part]
    assert pid is not None
    part = Processes(pid)
    url = cloud.addresses.upload
    target = cloud.addresses.functions[kind.part]
    used, started = part.cpu(), time.monotonic()
    for _ in range(_ALONE):
        kind.attack(target)
    used, alone = (part.cpu() - used) / _ALONE, (time.monotonic() - started) / _ALONE
    calm = _p99(people.submit(person, url, seconds).result())
    part.reset()
    answers: Counter[str] = Counter()
    sent: list[float] = []
    with _attackers(kind, target, answers, sent):
        meanwhile = _p99(people.submit(person, url, seconds).result())
    told = ", ".join(f"{status}" for status, _ in answers.most_common(3))
    text = (
        f"| {kind.name} | {kind.part} | {told} | {used * 1000:.0f} ms | {alone:.2f} s "
        f"| {len(sent) / seconds:.1f} | {part.peak():.0f} MB "
    )
    return Line(text, calm, meanwhile)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each kind")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    args = parser.parse_args(argv)
    kinds = [kind for kind in KINDS if args.only in kind.name]
    if not kinds:
        parser.error(f"--only {args.only!r}: no kind has this in its name")
    with (
        tempfile.TemporaryDirectory(prefix="quickthumb-") as folder,
        Path(os.devnull).open("w") as quiet,
        ProcessPoolExecutor(1, get_context("spawn")) as people,
        Cloud(Topology.load(TOPOLOGY), Path(folder), Console([], out=quiet)) as cloud,
    ):
        people.submit(person, cloud.addresses.upload, 3).result()  # warm
        lines = []
        for kind in kinds:
            print(kind.name, file=sys.stderr, flush=True)
            lines.append(_measure(cloud, kind, people, args.seconds))
    # Each by itself is at the mercy of what else the machine does in these seconds.
    calm = statistics.median(line.calm for line in lines)
    print(f"p99 of an ordinary upload in calm, median of {len(lines)}: {calm * 1000:.0f} ms\n")
    print("| what | to | answers | CPU | time | a second | memory | p99 | times |")
    print("|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        ratio = line.meanwhile / calm
        print(f"{line.text}| {line.meanwhile * 1000:.0f} ms | {ratio:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
