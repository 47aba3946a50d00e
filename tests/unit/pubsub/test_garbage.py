"""Garbage and hostile traffic on the port of the broker, which must not affect others.

No page can speak gRPC to this port: browsers begin HTTP/2 by TLS only, never on a plain connection.
What pages can do with the REST API is in test_origins.py and in tests/browser.
"""

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest

from emulator.bootstrap import ROOT
from emulator.ports import HOST, answers, free_port
from emulator.pubsub import protos
from tests import needs

pytestmark = needs.linux("/proc")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_HEADERS = 4
MB = 2**20
GROWTH = 100 * MB  # bytes of memory that an attack may cost


def frame(kind, flags, stream, payload):
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name, value):
    """Return a header as HPACK has it, without its tables and codes (RFC 7541, section 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + _length(len(value)) + value


def _length(number):
    if number < 127:
        return bytes([number])
    digits, number = b"\x7f", number - 127
    while number >= 128:
        digits += bytes([number % 128 + 128])
        number //= 128
    return digits + bytes([number])


PUBLISH = b"".join(
    header(name, value)
    for name, value in (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/google.pubsub.v1.Publisher/Publish"),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
)


class Broker:
    """A broker that runs."""

    def __init__(self):
        self.port = free_port()
        ports = ("--port", str(self.port), "--jwks-port", str(free_port()))
        command = [sys.executable, "-m", "emulator.pubsub", *ports]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not answers(self.port):
            assert time.monotonic() < end
            time.sleep(0.05)

    def connect(self):
        connection = socket.create_connection((HOST, self.port), timeout=10)
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
        return connection

    def memory(self):
        """Return the bytes of memory it has."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024

    def call(self, name, authority=None):
        """Make a topic."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        if authority:
            options.append(("grpc.default_authority", authority))
        with grpc.insecure_channel(f"{HOST}:{self.port}", options) as channel:
            make = channel.unary_unary(
                "/google.pubsub.v1.Publisher/CreateTopic",
                request_serializer=protos.Topic.SerializeToString,
                response_deserializer=protos.Topic.FromString,
            )
            return make(protos.Topic(name=f"projects/p/topics/{name}"), timeout=30)


@pytest.fixture(scope="module")
def broker():
    broker = Broker()
    yield broker
    broker.process.terminate()
    assert broker.process.wait(120) == 0


@pytest.fixture(autouse=True)
def goes_on(broker, request):
    """See that the broker serves others while it is attacked and afterwards, and stays small."""
    before = broker.memory()
    yield
    name = f"t{abs(hash(request.node.name))}"
    assert broker.call(name).name.endswith(name)
    assert broker.process.poll() is None
    assert broker.memory() < before + GROWTH


def flood(connection, data, times):
    """Send the same again and again, as long as the other side takes it."""
    connection.settimeout(5)
    try:
        for _ in range(times):
            connection.sendall(data)
            _drain(connection)
    except OSError:
        pass  # it has had enough, as it should


def _drain(connection):
    """Read what has come, so that the other side need not wait for that."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        pass
    finally:
        connection.settimeout(5)


def test_a_flood_of_settings(broker):
    setting = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535))
    with broker.connect() as connection:
        flood(connection, setting * 1000, 100)


def test_a_flood_of_pings(broker):
    with broker.connect() as connection:
        flood(connection, frame(PING, 0, 0, b"12345678") * 1000, 100)


def test_a_flood_of_headers_that_do_not_end(broker):
    with broker.connect() as connection:
        connection.sendall(frame(HEADERS, 0, 1, PUBLISH))
        flood(connection, frame(CONTINUATION, 0, 1, header(b"x", b"y" * 16_000)), 5000)


def test_a_flood_of_calls_that_are_given_up(broker):
    with broker.connect() as connection:
        stream = 1
        for number in range(200):
            data = b""
            for _ in range(200):
                data += frame(HEADERS, END_HEADERS, stream, PUBLISH)
                data += frame(RESET, 0, stream, struct.pack(">I", 8))
                stream += 2
            flood(connection, data, 1)
            if number % 50 == 25:
                broker.call(f"meanwhile-{number}")


def test_many_messages_that_do_not_come_to_their_end(broker):
    connections = [broker.connect() for _ in range(10)]
    for connection in connections:
        for stream in range(1, 200, 2):
            begun = frame(DATA, 0, stream, b"\0" + struct.pack(">I", 11 * MB) + b"x" * 1000)
            flood(connection, frame(HEADERS, END_HEADERS, stream, PUBLISH) + begun, 1)
    broker.call("while-they-wait")
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("size", [20_000, 16 * MB - 1])
def test_a_frame_larger_than_agreed(broker, size):
    with broker.connect() as connection:
        connection.sendall(frame(HEADERS, END_HEADERS, 1, PUBLISH))
        flood(connection, frame(DATA, 0, 1, bytes(size)), 1)


def test_a_message_larger_than_any_that_pubsub_takes_is_refused_in_words(broker):
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"{HOST}:{broker.port}", options) as channel:
        publish = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        with pytest.raises(grpc.RpcError) as error:
            publish(b"\x12" + bytes(31 * MB), timeout=30)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in error.value.details()


@pytest.mark.parametrize(
    "data",
    [
        os.urandom(100_000),
        bytes(100_000),
        PREFACE + os.urandom(5000),
        PREFACE + frame(SETTINGS, 0, 0, b"abc"),
        PREFACE + frame(99, 255, 2**31 - 1, b"x" * 1000),
        PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, os.urandom(500)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["random", "zeros", "frames", "settings", "unknown", "hpack", "tls"],
)
def test_garbage(broker, data):
    with socket.create_connection((HOST, broker.port), timeout=10) as connection:
        flood(connection, data, 1)


def test_connections_that_say_nothing(broker):
    silent = [socket.create_connection((HOST, broker.port)) for _ in range(300)]
    half = [socket.create_connection((HOST, broker.port)) for _ in range(100)]
    for connection in half:
        connection.sendall(PREFACE[:10])
    broker.call("beside-the-silent")
    for connection in (*silent, *half):
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_gets_nothing(broker, method):
    path = "/google.pubsub.v1.Publisher/CreateTopic"
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {HOST}:{broker.port}",
        "Origin: https://evil.test",
        "Content-Type: application/grpc",
        "Content-Length: 5",
        "Connection: close",
    ]
    with socket.create_connection((HOST, broker.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", "hello"]).encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"Access-Control" not in answer


@pytest.mark.parametrize("authority", ["pubsub:8085", "localhost", "evil.test"])
def test_a_client_may_call_the_broker_by_any_name(broker, authority):
    """By the name of a container, say: it is no browser, which alone can be led astray by names."""
    assert broker.call(f"of-{authority[0]}", authority)
