"""Resumable uploads of the local cloud, by the protocol of Cloud Storage."""

import os
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from emulator.parts.front import sessions
from emulator.parts.front.announced import Announced
from emulator.parts.front.http1 import Refused, Request
from emulator.parts.front.sessions import UNIT, Sessions
from tests import needs
from tests.storage import BUCKET, serving

SIZE = 3 * UNIT + 1000
DATA = os.urandom(SIZE)
PAGE = "https://app.example.com"


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("storage")) as storage:
        yield storage


@pytest.fixture
def name(request):
    return request.node.name


def begun(storage, name, size=SIZE, origin=None, **parameters):
    """Begin an upload; return the answer."""
    headers = {} if size is None else {"X-Upload-Content-Length": str(size)}
    if origin:
        headers["Origin"] = origin
    return requests.post(
        storage.uploads(name, "resumable"),
        params=parameters,
        json={"metadata": {"filename": "cat.tif"}},
        headers=headers,
        timeout=20,
    )


@pytest.fixture
def session(storage, name):
    """Give the URL of a new session."""
    return begun(storage, name).headers["Location"]


@pytest.fixture
def unannounced(storage, name):
    """Give the URL of a new session of an upload of some size."""
    return begun(storage, name, size=None).headers["Location"]


@pytest.fixture
def stored(storage, name):
    """Give what returns the bytes of the blob, None while there is none."""

    def read():
        answer = requests.get(storage.blob(name), params={"alt": "media"}, timeout=20)
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


@pytest.mark.parametrize("size", ["*", SIZE])
def test_a_stream_that_does_not_know_where_it_ends_is_a_whole_upload(session, stored, size):
    answer = put(session, iter([DATA[:1000], DATA[1000:]]), f"bytes 0-*/{size}")
    assert answer.status_code == 200, answer.text
    assert stored() == DATA


def test_an_upload_of_no_bytes_is_one(unannounced, stored):
    assert put(unannounced).status_code == 200
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
    "content_range",
    ["bytes 5-9/100", "bytes 0-3/100", "bytes 0-4/3", "0-4/5", "bytes 0-4", "bytes 4-0/9"],
)
def test_a_range_that_makes_no_sense_is_refused_and_keeps_nothing(unannounced, content_range):
    assert put(unannounced, b"12345", content_range).status_code == 400
    assert progress(unannounced) == (308, None)


def test_a_session_can_be_given_up(session, stored):
    assert requests.delete(session, timeout=20).status_code == 499
    assert put(session, DATA).status_code == 499
    assert stored() is None


def test_a_blob_is_what_was_announced(storage, session, name):
    put(session, DATA)
    blob = requests.get(storage.blob(name), timeout=20).json()
    assert blob["metadata"] == {"filename": "cat.tif"}
    assert blob["contentType"] == "application/octet-stream"


def test_a_condition_is_kept_when_the_upload_ends(storage, name, stored):
    first, second = (begun(storage, name, ifGenerationMatch="0") for _ in range(2))
    assert put(first.headers["Location"], DATA).status_code == 200
    other = bytes(len(DATA))
    assert put(second.headers["Location"], other).status_code == 412
    assert put(second.headers["Location"], other).status_code == 412
    assert stored() == DATA


# As many bytes as were announced.


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 1])
def test_another_size_than_announced_is_refused(session, stored, size):
    answer = put(session, bytes(size))
    assert answer.status_code == 400
    assert "were declared" in answer.json()["error"]["message"]
    for content_range in (f"bytes 0-0/{size}", f"bytes */{size}"):
        body = b"x" if content_range.startswith("bytes 0") else b""
        assert put(session, body, content_range).status_code == 400
    assert progress(session) == (308, None)
    assert put(session, DATA).status_code == 200
    assert stored() == DATA


def test_more_bytes_than_announced_are_refused_also_in_chunks(session, stored):
    answer = put(session, iter([DATA, b"x"]))
    assert answer.status_code == 400
    answer = put(session, b"x", f"bytes {len(DATA)}-{len(DATA)}/*")
    assert answer.status_code == 400
    fewer = put(session, iter([DATA[:1000]]))
    assert fewer.status_code == 400
    assert stored() is None
    assert put(session, DATA).status_code == 200


def test_a_body_that_is_not_what_its_range_says_is_refused(session):
    fewer = put(session, iter([DATA[:1000]]), f"bytes 0-{UNIT - 1}/*")
    assert fewer.status_code == 400
    assert "instead of" in fewer.json()["error"]["message"]


# Whose sessions.


@pytest.mark.parametrize("id", ["", "abc", "../../x", "%2e%2e%2fx", "x" * 5000])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "OPTIONS"])
def test_only_sessions_that_were_begun_here_are_known(storage, id, method):
    url = f"{storage.uploads('x', 'resumable')}&upload_id={id}"
    before = set((storage.data / "sessions").iterdir())
    answer = requests.request(method, url, data=b"x", timeout=20)
    assert answer.status_code == (204 if method == "OPTIONS" else 404)
    assert set((storage.data / "sessions").iterdir()) == before


def test_an_upload_to_a_bucket_that_is_not_there_does_not_begin(storage):
    url = storage.uploads("x", "resumable").replace(BUCKET, "no-such-bucket")
    assert requests.post(url, json={}, timeout=20).status_code == 404


@pytest.mark.parametrize("body", [b"[]", b"{", b"[" * 100_000, b'{"contentType": "a\\r\\nb"}'])
def test_an_invalid_announcement_begins_nothing(storage, body):
    url = storage.uploads("x", "resumable")
    assert requests.post(url, data=body, timeout=20).status_code == 400


def test_an_upload_without_a_name_does_not_begin(storage):
    url = storage.uploads("", "resumable")
    assert requests.post(url, json={}, timeout=20).status_code == 400


def test_the_page_that_a_session_was_begun_for_may_send_and_no_other(storage, name):
    session = begun(storage, name, origin=PAGE).headers["Location"]
    asked = {"Access-Control-Request-Method": "PUT", "Origin": PAGE}
    preflight = requests.options(session, headers=asked, timeout=20)
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Origin"] == PAGE
    headers = {"Origin": PAGE, "Content-Range": f"bytes 0-{UNIT - 1}/{len(DATA)}"}
    answer = requests.put(session, DATA[:UNIT], headers=headers, timeout=20)
    assert answer.status_code == 308
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    for method in ("PUT", "DELETE", "OPTIONS"):
        evil = requests.request(
            method, session, headers={"Origin": "https://evil.test"}, timeout=20
        )
        assert evil.status_code == 403
        assert "Access-Control-Allow-Origin" not in evil.headers
    assert progress(session)[1] == f"bytes=0-{UNIT - 1}"


def test_a_page_cannot_begin_an_upload_in_the_name_of_itself(storage):
    headers = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    url = storage.uploads("x", "resumable")
    assert requests.post(url, json={}, headers=headers, timeout=20).status_code == 403


def test_the_xml_api_begins_an_upload_too(storage, name, stored):
    headers = {"x-goog-resumable": "start", "Content-Type": "image/png", "x-goog-meta-a": "b"}
    begin = requests.post(f"{storage.url}/{BUCKET}/{name}", headers=headers, timeout=20)
    assert begin.status_code == 201
    assert put(begin.headers["Location"], DATA).status_code == 200
    assert stored() == DATA
    blob = requests.get(storage.blob(name), timeout=20).json()
    assert (blob["contentType"], blob["metadata"]) == ("image/png", {"a": "b"})


def test_clients_that_do_not_support_308_get_another_status(session):
    headers = {"Content-Range": f"bytes */{len(DATA)}", "X-Guploader-No-308": "yes"}
    answer = requests.put(session, headers=headers, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["X-Http-Status-Code-Override"] == "308"


# What lasts, and what does not.


@needs.posix("signals")
def test_an_upload_goes_on_after_everything_was_killed(tmp_path):
    with serving(tmp_path) as storage:
        session = begun(storage, "cat").headers["Location"]
        done = begun(storage, "dog", size=3).headers["Location"]
        assert put(done, b"dog").status_code == 200
        put(session, DATA[: 2 * UNIT], f"bytes 0-{2 * UNIT - 1}/{len(DATA)}")
        for part in ("front", "storage"):
            os.kill(storage.supervisor.pids()[part], signal.SIGKILL)
        end = time.monotonic() + 30
        while True:
            try:
                if put(session, content_range="bytes */*").status_code == 308:
                    break
            except requests.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.05)
        assert progress(session) == (308, f"bytes=0-{2 * UNIT - 1}")
        rest = put(session, DATA[2 * UNIT :], f"bytes {2 * UNIT}-{len(DATA) - 1}/{len(DATA)}")
        assert rest.status_code == 200
        assert requests.get(storage.blob("cat") + "?alt=media", timeout=20).content == DATA
        assert put(done, b"dog").json()["name"] == "dog"


@needs.posix("signals")
def test_a_server_that_is_gone_is_told_and_the_bytes_are_kept(tmp_path):
    with serving(tmp_path) as storage:
        session = begun(storage, "cat").headers["Location"]
        os.kill(storage.supervisor.pids()["storage"], signal.SIGSTOP)
        # It takes connections, and answers none: what was sent has to be sent again.
        os.kill(storage.supervisor.pids()["storage"], signal.SIGKILL)
        end = time.monotonic() + 30
        while (answer := put(session, DATA)).status_code != 200:
            assert answer.status_code == 503
            assert time.monotonic() < end
        assert requests.get(storage.blob("cat") + "?alt=media", timeout=20).content == DATA


def announced(size=None):
    return Announced("b", {"name": "n", "contentType": "a/b"}, "", size, None)


def of_range(content_range):
    return Request("PUT", "/", [("content-range", content_range)], "localhost", None, True, False)


def fill(session, count, position=0):
    told = of_range(f"bytes {position}-{position + count - 1}/*")
    session.take(told, iter([memoryview(bytes(count))]), lambda *_: (200, b"{}"))


def test_the_session_that_was_unused_for_longest_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)
    every = Sessions(tmp_path)
    ids = []
    for number in range(4):
        ids.append(every.begin(announced()))
        every.find(ids[-1]).used = number if number else 99
    assert [id for id in ids if every.find(id)] == [ids[0], ids[2], ids[3]]
    assert len(list(tmp_path.iterdir())) == 3


def test_unfinished_bytes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_BYTES", 4 * UNIT)
    every = Sessions(tmp_path)
    empty, old, new = (every.begin(announced()) for _ in range(3))
    fill(every.find(old), 2 * UNIT)
    fill(every.find(new), 2 * UNIT)
    fill(every.find(new), UNIT, 2 * UNIT)
    assert every.find(old) is None
    assert every.find(empty) is not None
    assert every.find(new).received == 3 * UNIT
    with pytest.raises(Refused) as refusal:
        fill(every.find(new), 2 * UNIT, 3 * UNIT)
    assert refusal.value.status == 507
    assert sum(file.stat().st_size for file in tmp_path.glob("*.bytes")) <= 4 * UNIT


def test_a_session_lives_for_a_week(tmp_path, monkeypatch):
    every = Sessions(tmp_path)
    id = every.begin(announced())
    assert every.find(id)
    now = time.time() + sessions.LIFETIME_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: now)
    assert every.find(id) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"announced": 1}', "\0"])
def test_unreadable_files_of_an_earlier_run_are_skipped(tmp_path, text):
    (tmp_path / "abc.json").write_text(text)
    (tmp_path / "abc.bytes").write_bytes(b"x")
    (tmp_path / "def.new").write_bytes(b"x")
    every = Sessions(tmp_path)
    assert every.find("abc") is None
    id = every.begin(announced(5))
    assert Sessions(tmp_path).find(id).announced == announced(5)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json"}


def test_two_requests_of_one_session_do_not_mix(tmp_path):
    every = Sessions(tmp_path)
    session = every.find(every.begin(announced()))

    def interrupted():
        yield memoryview(bytes(UNIT))
        fill(session, UNIT, UNIT)  # the same client, over another connection
        yield memoryview(bytes(UNIT))

    with pytest.raises(Refused) as refusal:
        session.take(of_range(f"bytes 0-{2 * UNIT - 1}/*"), interrupted(), lambda *_: (200, b""))
    assert refusal.value.status == 503
    assert session.received == 2 * UNIT
