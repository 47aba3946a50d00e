"""Resumable uploads of the local cloud, by the protocol of Cloud Storage."""

import io
import os
import socket
from urllib.parse import urlsplit

import pytest
import requests

from emulator.console import Console
from emulator.ports import HOST, free_port
from emulator.processes import Supervisor
from emulator.sessions import UNIT, sessions_part
from emulator.storage import storage_part

BUCKET = "sessions-test"
DATA = os.urandom(3 * UNIT + 1000)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Give the URLs of a storage server and of the part under test, in front of it."""
    folder = tmp_path_factory.mktemp("storage")
    port, front = free_port(), free_port()
    parts = [
        storage_part(folder / "storage", port, (BUCKET,)),
        sessions_part(folder / "sessions", front, port),
    ]
    supervisor = Supervisor([parts], Console([], out=io.StringIO()))
    supervisor.start()
    yield f"http://{HOST}:{port}", f"http://{HOST}:{front}"
    supervisor.stop()


@pytest.fixture
def storage(servers):
    return servers[0]


@pytest.fixture
def name(request):
    return request.node.name


@pytest.fixture
def session(servers, name):
    """Give the URL of a new session."""
    storage, front = servers
    answer = requests.post(
        f"{storage}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "resumable", "name": name},
        json={"metadata": {"filename": "cat.tif"}},
        timeout=20,
    )
    return answer.headers["Location"].replace(storage, front)


@pytest.fixture
def stored(storage, name):
    """Give what returns the bytes of the blob, None while there is none."""

    def read():
        url = f"{storage}/storage/v1/b/{BUCKET}/o/{name}"
        answer = requests.get(url, params={"alt": "media"}, timeout=20)
        return answer.content if answer.ok else None

    return read


def put(url, data=b"", content_range=None):
    headers = {"Content-Range": content_range} if content_range else {}
    return requests.put(url, data=data, headers=headers, timeout=20)


def progress(url):
    """Ask how far a session is: status and header Range."""
    answer = put(url, content_range=f"bytes */{len(DATA)}")
    return answer.status_code, answer.headers.get("Range")


def send_and_vanish(url, data, promised):
    """Send part of a request and close the connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        connection.sendall(f"{head}Content-Length: {promised}\r\n\r\n".encode() + data)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)


def test_a_whole_upload_goes_in_one_request(session, stored):
    answer = put(session, DATA)
    assert answer.status_code == 200
    assert answer.json()["size"] == str(len(DATA))
    assert stored() == DATA


def test_a_body_without_a_length_is_a_whole_upload_too(session, stored):
    assert put(session, iter([DATA[:1000], DATA[1000:]])).status_code == 200
    assert stored() == DATA


def test_an_upload_of_no_bytes_is_one(session, stored):
    assert put(session).status_code == 200
    assert stored() == b""


def test_chunks_are_put_together(session, stored):
    first = put(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/{len(DATA)}")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    assert stored() is None
    last = put(session, DATA[UNIT:], f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA)}")
    assert last.status_code == 200
    assert stored() == DATA


def test_the_size_may_come_with_the_last_chunk(session, stored):
    assert put(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*").status_code == 308
    last = put(session, DATA[UNIT:], f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA)}")
    assert last.status_code == 200
    assert stored() == DATA


def test_asking_how_far_an_upload_is_does_not_end_it(session, stored):
    assert progress(session) == (308, None)
    put(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/{len(DATA)}")
    assert progress(session) == (308, f"bytes=0-{UNIT - 1}")
    assert put(session, content_range="bytes */*").headers["Range"] == f"bytes=0-{UNIT - 1}"
    assert stored() is None


def test_a_connection_that_breaks_keeps_whole_units_and_the_rest_is_sent_later(session, stored):
    send_and_vanish(session, DATA[: 2 * UNIT + 77], len(DATA))
    assert progress(session) == (308, f"bytes=0-{2 * UNIT - 1}")
    last = put(session, DATA[2 * UNIT :], f"bytes {2 * UNIT}-{len(DATA) - 1}/{len(DATA)}")
    assert last.status_code == 200
    assert stored() == DATA


def test_bytes_that_are_there_may_be_sent_again(session, stored):
    put(session, DATA[: 2 * UNIT], f"bytes 0-{2 * UNIT - 1}/{len(DATA)}")
    last = put(session, DATA[UNIT:], f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA)}")
    assert last.status_code == 200
    assert stored() == DATA


def test_an_upload_that_is_done_says_so_again(session):
    done = put(session, DATA)
    again = put(session, content_range=f"bytes */{len(DATA)}")
    assert (again.status_code, again.content) == (200, done.content)
    assert put(session, DATA).content == done.content


@pytest.mark.parametrize(
    "content_range", ["bytes 5-9/100", "bytes 0-3/100", "bytes 0-4/3", "0-4/5", "bytes 0-4"]
)
def test_a_range_that_makes_no_sense_is_refused_and_keeps_nothing(session, content_range):
    assert put(session, b"12345", content_range).status_code == 400
    assert progress(session) == (308, None)


def test_a_session_can_be_given_up(session, stored):
    assert requests.delete(session, timeout=20).status_code == 499
    assert put(session, DATA).status_code == 499
    assert stored() is None


def test_a_browser_may_send_and_read_how_far_it_is(session):
    origin = {"Origin": "https://example.org"}
    asked = {"Access-Control-Request-Method": "PUT", **origin}
    preflight = requests.options(session, headers=asked, timeout=20)
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    answer = put(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/{len(DATA)}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Range" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_url_is_refused(servers, method):
    answer = requests.request(method, f"{servers[1]}/storage/v1/b", data=b"x", timeout=20)
    assert answer.status_code == 400
    assert "no session URL" in answer.text


def test_a_server_that_is_gone_is_told_and_the_bytes_are_kept(tmp_path):
    front = free_port()
    part = sessions_part(tmp_path, front, free_port())
    supervisor = Supervisor([[part]], Console([], out=io.StringIO()))
    supervisor.start()
    try:
        url = f"http://{HOST}:{front}/o?upload_id=abc"
        assert put(url, DATA).status_code == 503
        assert progress(url)[1] == f"bytes=0-{3 * UNIT - 1}"
    finally:
        supervisor.stop()
