"""How bytes become requests, through the real server on a real socket."""

import asyncio
import logging
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from uvicorn import config

from quickthumb.api import wire
from quickthumb.api.wire import Wire

pytestmark = pytest.mark.slow

UvicornWorker = pytest.importorskip(  # where there is gunicorn
    "uvicorn_worker", exc_type=ImportError
).UvicornWorker

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = CHUNKED.replace(b"/echo", b"/early")


async def app(scope, receive, send):
    """Answer with the body; at /early without reading it, at /late after a while."""
    request = Request(scope, receive)
    if scope["path"] == "/early":
        answer = "early"
    else:
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        answer = body.decode("latin-1")
    if scope["path"] == "/late":
        await asyncio.sleep(0.5)
    await PlainTextResponse(answer)(scope, receive, send)


@contextmanager
def serving():
    config = uvicorn.Config(app, http=Wire, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(wire, "PATIENCE_SECONDS", 0.2)
    with serving() as port:
        yield port


@contextmanager
def connected(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        yield connection


def received(connection) -> bytes:
    """Return all that comes until the server closes the connection."""
    data = b""
    while True:
        try:
            some = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not some:
            return data
        data += some


def answer_to(port, *parts) -> bytes:
    with connected(port) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:  # closed meanwhile; what was answered may be there still
                break
        return received(connection)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
@given(
    content=st.binary(max_size=100_000),
    size=st.integers(12, 70_000),
    cuts=st.lists(st.integers(1, 70_000), max_size=5),
    chunked=st.booleans(),
)
@example(content=b"x" * 300_000, size=12, cuts=[8192, 1], chunked=True)
@example(content=b"x" * 300_000, size=1, cuts=[100_000], chunked=False)
def test_a_body_arrives_as_it_was_sent(port, content, size, cuts, chunked):
    if chunked:
        chunks = (content[at : at + size] for at in range(0, len(content), size))
        body = b"".join(map(chunk, chunks)) + b"0\r\n\r\n"
        head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    else:
        body, head = (
            content,
            HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content),
        )
    sent, parts = head + body, []
    for cut in cuts:
        parts, sent = [*parts, sent[:cut]], sent[cut:]
    answer = answer_to(port, *parts, sent)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.partition(b"\r\n\r\n")[2].decode().encode("latin-1") == content


def test_several_requests_in_one_piece_are_answered_one_after_the_other(port):
    one = HEAD + b"Content-Length: 3\r\n\r\nabc"
    last = HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\ndef"
    answer = answer_to(port, one * 20 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 21
    assert answer.endswith(b"def")


@pytest.mark.parametrize("head", [CHUNKED, EARLY], ids=["read", "answered before it is read"])
@pytest.mark.parametrize(
    "piece", [b"1\r\nx\r\n", b"1;" + b"e" * 1000 + b"\r\nx\r\n"], ids=["tiny", "with extensions"]
)
def test_a_body_of_hardly_anything_but_chunks_ends_the_connection(port, caplog, head, piece):
    answer = answer_to(port, head, piece * 20_000)
    assert b"Traceback" not in answer
    if head is CHUNKED:
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_head_has_a_limit(port):
    fits = HEAD + b"".join(b"a%d: b\r\n" % number for number in range(3_000))
    answer = answer_to(port, fits + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    assert answer.startswith(b"HTTP/1.1 200 ")
    for line in (b"a: b\r\n", b"a: " + b"b" * 1000 + b"\r\n"):
        assert answer_to(port, HEAD + line * 20_000).startswith(b"HTTP/1.1 400 ")
    assert answer_to(port, HEAD + b"a: " + b"b" * 200_000).startswith(b"HTTP/1.1 400 ")
    assert answer_to(port, b"GET /" + b"b" * 200_000).startswith(b"HTTP/1.1 400 ")


def test_a_body_with_two_lengths_is_refused_and_nothing_behind_it_answered(port):
    smuggled = HEAD + b"Content-Length: 2\r\n\r\nno"
    both = HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = answer_to(port, both + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\na: \0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
        b"<img src=x> / HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        CHUNKED + b"ZZ\r\n",
        HEAD + b"Content-Length: 3\r\n\r\nabc\r\n<b>garbage\r\n\r\n",
    ],
)
def test_garbage_is_refused_in_plain_text(port, garbage):
    answer = answer_to(port, garbage).lower()
    assert b"http/1.1 400 " in answer
    assert b"text/html" not in answer
    assert b"<" not in answer


@pytest.mark.parametrize("start", [b"", b"GE", HEAD, HEAD + b"a: "], ids=repr)
def test_a_connection_without_a_complete_request_is_closed(impatient, start):
    assert answer_to(impatient, start) == b""


def drip(connection, piece: bytes) -> bool:
    """Send the same again and again until the server closes the connection."""
    connection.settimeout(0.02)
    while True:
        try:
            connection.sendall(piece)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            pass
        except OSError:
            return True


def test_a_head_sent_byte_by_byte_does_not_delay_the_end(impatient):
    with connected(impatient) as connection:
        assert drip(connection, b"G")


def test_a_second_head_sent_byte_by_byte_does_not_delay_the_end(impatient):
    with connected(impatient) as connection:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
        while not connection.recv(65536).endswith(b"ok"):
            pass
        assert drip(connection, b"P")


def test_an_answered_body_is_not_read_forever(impatient):
    with connected(impatient) as connection:
        connection.sendall(EARLY)
        assert drip(connection, chunk(b"x" * 100))


def test_a_request_may_take_its_time_to_be_answered(impatient):
    late = HEAD.replace(b"/echo", b"/late")
    answer = answer_to(impatient, late + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    assert answer.endswith(b"ok")


def test_the_server_of_the_framework_is_told_to_use_it(monkeypatch):
    monkeypatch.setattr(UvicornWorker, "CONFIG_KWARGS", UvicornWorker.CONFIG_KWARGS)
    wire.install()
    assert {"loop": "auto", "http": Wire, "ws": "none"} == UvicornWorker.CONFIG_KWARGS


def test_without_gunicorn_uvicorn_itself_is_told_to_use_it(monkeypatch):
    monkeypatch.setattr(wire, "UvicornWorker", None)
    monkeypatch.setattr(config, "HTTP_PROTOCOLS", dict(config.HTTP_PROTOCOLS))
    monkeypatch.setattr(config, "WS_PROTOCOLS", dict(config.WS_PROTOCOLS))
    wire.install()
    told = config.Config(lambda: None)
    told.load()
    assert told.http_protocol_class is Wire
    assert told.ws_protocol_class is None
