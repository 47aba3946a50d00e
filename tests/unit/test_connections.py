"""HTTP over connections that are kept open, against real servers."""

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quickthumb.connections import FAILURES, Connections


class Server(ThreadingHTTPServer):
    """Answers with what it was sent, and counts connections."""

    daemon_threads = True

    def __init__(self):
        self.connections = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections.append(self.connection)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("X-Hash", "a=1")
        self.send_header("x-hash", "b=2")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/last":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(secured=lambda connection: connection):
    server = Server()
    server.socket = secured(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def connections(server):
    return Connections(f"http://127.0.0.1:{server.server_port}")


def post(connections, target="/", body=b"a picture"):
    return connections.exchange("POST", target, {}, body, 60)


def test_a_connection_is_used_again(server, connections):
    assert [post(connections).body for _ in range(5)] == [b"a picture"] * 5
    assert len(server.connections) == 1


def test_a_connection_that_the_server_ends_is_not_used_again(server, connections):
    for _ in range(3):
        assert post(connections, "/last").status == 200
    assert len(server.connections) == 3


def test_a_connection_that_was_closed_meanwhile_is_replaced(server, connections):
    post(connections)
    server.connections[0].shutdown(socket.SHUT_RDWR)
    assert post(connections).body == b"a picture"
    assert len(server.connections) == 2


def test_a_body_may_come_in_parts(connections):
    parts = [b"a", b"", b" picture"]
    answer = connections.exchange("POST", "/", {"Content-Length": "9"}, parts, 60)
    assert answer.body == b"a picture"


def test_repeated_headers_are_joined(connections):
    assert post(connections).headers["x-hash"] == "a=1, b=2"


def test_redirects_are_not_followed(connections):
    answer = connections.exchange("GET", "/", {}, None, 60)
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")


def test_a_server_that_is_silent_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connections = Connections(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(FAILURES):
            connections.exchange("GET", "/", {}, None, 0.05)


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a file with a key and a certificate for 127.0.0.1 that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(pem, *form) + signed.public_bytes(pem))
    return file


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda connection: context.wrap_socket(connection, server_side=True)) as server:
        yield server


def test_a_server_with_an_unknown_certificate_is_refused(secure):
    connections = Connections(f"https://127.0.0.1:{secure.server_port}")
    with pytest.raises(ssl.SSLCertVerificationError):
        post(connections)


def test_a_server_with_another_name_is_refused(secure, certificate, monkeypatch):
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))
    connections = Connections(f"https://localhost:{secure.server_port}")
    with pytest.raises(ssl.SSLCertVerificationError):
        post(connections)


def test_a_connection_to_a_known_server_is_used_again(secure, certificate, monkeypatch):
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))
    connections = Connections(f"https://127.0.0.1:{secure.server_port}")
    for _ in range(3):
        assert post(connections).body == b"a picture"
    assert len(secure.connections) == 1
