import asyncio
import json
import os
from contextlib import asynccontextmanager

import pytest
from google.auth import jwt

from emulator.pubsub.doors.key_server import JWKS_PATH, PEM_PATH, serve_keys
from emulator.pubsub.doors.listening import listeners
from emulator.pubsub.doors.signing import LIFETIME_SECONDS, PushTokens, SigningKey

ACCOUNT = "pusher@project.iam.gserviceaccount.com"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def key():
    return SigningKey(None)


def test_a_token_says_what_googles_say(key):
    token = PushTokens(key, lambda: 1_000.9).token(ACCOUNT, "https://me/push")
    claims = jwt.decode(token, verify=False)
    subject = claims.pop("sub")
    assert subject.isdigit()
    assert claims == {
        "iss": "https://accounts.google.com",
        "aud": "https://me/push",
        "azp": subject,
        "email": ACCOUNT,
        "email_verified": True,
        "iat": 1_000,
        "exp": 4_600,
    }


def test_a_token_is_signed_by_the_published_key(key):
    (pem,) = key.public_keys().values()
    token = key.sign({"iat": 0, "exp": 2**40})
    assert jwt.decode(token, certs=pem)["exp"] == 2**40
    other = SigningKey(None).sign({"iat": 0, "exp": 2**40})
    with pytest.raises(ValueError, match="verify"):
        jwt.decode(other, certs=pem)


def test_the_key_set_names_the_key_of_the_token(key):
    (entry,) = key.jwks()["keys"]
    assert entry["kid"] == jwt.decode_header(key.sign({}))["kid"]
    assert entry["kid"] in key.public_keys()
    assert (entry["kty"], entry["alg"], entry["use"]) == ("RSA", "RS256", "sig")


def test_one_token_serves_for_half_of_its_life(key):
    clock = Clock()
    tokens = PushTokens(key, clock)
    first = tokens.token(ACCOUNT, "a")
    assert tokens.token(ACCOUNT, "b") != first
    clock.now += LIFETIME_SECONDS / 2
    assert tokens.token(ACCOUNT, "a") == first
    clock.now += 1
    assert tokens.token(ACCOUNT, "a") != first


def test_the_key_stays_with_the_data_and_is_private(tmp_path):
    file = tmp_path / "key.pem"
    keys = SigningKey(file).public_keys()
    assert SigningKey(file).public_keys() == keys
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0


def test_a_key_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text("rubbish")
    with pytest.raises(ValueError, match="PEM"):
        SigningKey(file).public_keys()


@asynccontextmanager
async def key_server(host="127.0.0.1"):
    [server] = await serve_keys(
        listeners(host, 0), host, lambda: {"keys": []}, lambda: {"kid": "pem"}, lambda: "metrics"
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


@pytest.mark.parametrize(
    ("path", "status", "document"),
    [
        (JWKS_PATH, "200 OK", {"keys": []}),
        (JWKS_PATH + "?x=y", "200 OK", {"keys": []}),
        (PEM_PATH, "200 OK", {"kid": "pem"}),
        ("/", "404 Not Found", {}),
    ],
)
def test_keys_are_served_in_both_forms(path, status, document):
    async def run():
        async with key_server() as port:
            return await ask(port, f"GET {path} HTTP/1.1\r\nHost: localhost:1\r\n\r\n".encode())

    head, body = asyncio.run(run())
    assert head.startswith(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n")
    assert json.loads(body) == document


def test_the_key_server_outlives_what_is_not_a_request():
    async def run():
        async with key_server() as port:
            assert await ask(port, b"nonsense") == ("", "")
            assert await ask(port, f"GET {PEM_PATH} HTTP/1.1\r\n\r\n".encode()) == ("", "")
            return await ask(port, f"GET {PEM_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert asyncio.run(run())[0].startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Host: evil.test", "403"),
        ("Host: localhost\r\nOrigin: https://evil.test", "403"),
        ("Host: localhost\r\nOrigin: null", "403"),
        ("Host: localhost\r\nOrigin: http://localhost:3000", "200"),
    ],
)
def test_the_key_server_answers_no_web_page(lines, status):
    async def run():
        async with key_server() as port:
            return await ask(port, f"GET {PEM_PATH} HTTP/1.1\r\n{lines}\r\n\r\n".encode())

    head, body = asyncio.run(run())
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "access-control" not in head.lower()
    assert (body == '{"kid": "pem"}') == (status == "200")


def test_a_request_that_names_no_host_is_refused():
    async def run():
        async with key_server() as port:
            return await ask(port, f"GET {PEM_PATH} HTTP/1.0\r\n\r\n".encode())

    assert asyncio.run(run())[0].startswith("HTTP/1.1 403 ")


def test_a_key_server_for_more_than_this_machine_is_called_by_any_name():
    async def run():
        async with key_server("0.0.0.0") as port:  # noqa: S104 - as a container has it
            return await ask(port, f"GET {PEM_PATH} HTTP/1.1\r\nHost: pubsub:1\r\n\r\n".encode())

    assert asyncio.run(run())[0].startswith("HTTP/1.1 200 ")
