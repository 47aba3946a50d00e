"""Session URLs of `POST /uploads`, used by the clients of Google and others."""

import io
import json
import os
import re
import subprocess

import pytest
import requests
from google.resumable_media.common import InvalidResponse
from google.resumable_media.requests import ResumableUpload

from emulator.bootstrap import ROOT
from tests import needs
from tests.npm_packages import node_modules
from tests.pictures import ROCKET, picture

UNIT = 256 * 1024
LARGE = picture(900, 700, "BMP")
"""A picture of more than seven units."""


@pytest.fixture
def url(shared_cloud):
    return shared_cloud.addresses.upload


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "large.bmp"
    path.write_bytes(LARGE)
    return path


def announced(url, size):
    """Return the id and the session URL of an upload."""
    answer = requests.post(f"{url}/uploads", json={"size": size}, timeout=20)
    assert answer.status_code == 201, answer.text
    document = answer.json()
    return document["id"], document["upload"]["url"]


SIZE = len(LARGE)


def expect_picture(url, id, size=SIZE):
    status = requests.get(f"{url}/{id}", params={"wait": 30}, timeout=60).json()
    assert status["status"] == "done", status
    assert status["original"]["bytes"] == size


@pytest.fixture
def write(shared_cloud):
    """Return a function that sends a file with `createWriteStream` of @google-cloud/storage."""
    modules = node_modules()

    def write(session, path, **options):
        result = subprocess.run(
            [
                *("node", str(ROOT / "tests" / "e2e" / "send.mjs")),
                *(shared_cloud.addresses.storage, session, str(path), json.dumps(options)),
            ],
            env=os.environ | {"NODE_MODULES": str(modules)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return write


@pytest.mark.parametrize(
    "options",
    [
        {},  # one chunked request, `Content-Range: bytes 0-*/*`
        {"validation": "md5"},
        {"metadata": {"contentType": "image/bmp"}},
        {"chunkSize": UNIT},  # several requests, of which only the last tells the size
        {"chunkSize": 4 * UNIT, "offset": 0},
        {"timeout": 0, "highWaterMark": 1000},
    ],
    ids=json.dumps,
)
def test_a_stream_of_the_javascript_client_becomes_an_upload(write, url, file, options):
    id, session = announced(url, len(LARGE))
    assert write(session, file, **options) == {"status": 200}
    expect_picture(url, id)


def test_the_javascript_client_goes_on_where_an_upload_was_interrupted(write, url, file):
    id, session = announced(url, len(LARGE))
    first = LARGE[: 2 * UNIT]
    headers = {"Content-Range": f"bytes 0-{len(first) - 1}/*"}
    assert requests.put(session, data=first, headers=headers, timeout=20).status_code == 308
    sent = write(session, file, skip=len(first), offset=len(first), validation=False)
    assert sent == {"status": 200}
    expect_picture(url, id)


def test_the_javascript_client_may_send_an_upload_in_several_streams(write, url, file, tmp_path):
    id, session = announced(url, len(LARGE))
    part = tmp_path / "part"
    part.write_bytes(LARGE[: 2 * UNIT])
    options = {"chunkSize": UNIT, "isPartialUpload": True, "validation": False}
    assert "error" not in write(session, part, **options)
    rest = {"skip": 2 * UNIT, "offset": 2 * UNIT, "chunkSize": UNIT, "validation": False}
    assert write(session, file, **rest) == {"status": 200}
    expect_picture(url, id)


@pytest.mark.parametrize("options", [{}, {"chunkSize": UNIT}], ids=json.dumps)
@pytest.mark.parametrize("excess", [-1000, 1, 4 * UNIT])
def test_the_javascript_client_is_told_if_the_size_is_not_the_announced_one(
    write, url, file, options, excess
):
    size = len(LARGE) - excess
    id, session = announced(url, size)
    sent = write(session, file, **options)
    assert f"{size:,} bytes were declared" in sent["error"]
    assert requests.get(f"{url}/{id}", timeout=20).status_code == 404


def python_upload(session, stream, total, chunk=UNIT):
    """Return an upload of google-resumable-media that goes to a session that there is."""
    upload = ResumableUpload(session, chunk)
    # The library has no other way to use a session that it did not begin.
    upload.initiate(_Begun(session), stream, {}, "image/bmp", total_bytes=total, stream_final=False)
    return upload


def send_all(upload, transport):
    """Send the chunks that are left; return the answer to the last."""
    while not upload.finished:
        answer = upload.transmit_next_chunk(transport)
    return answer


class _Begun:
    """A transport whose only answer is that a session has begun."""

    def __init__(self, session):
        self._session = session

    def request(self, *_, **__):
        answer = requests.Response()
        answer.status_code = 200
        answer.headers["location"] = self._session
        return answer


@pytest.mark.parametrize("chunk", [UNIT, 3 * UNIT, 16 * UNIT])
@pytest.mark.parametrize("total", [len(LARGE), None], ids=["with a size", "without a size"])
def test_chunks_of_the_python_client_become_an_upload(url, chunk, total):
    id, session = announced(url, len(LARGE))
    upload = python_upload(session, io.BytesIO(LARGE), total, chunk)
    answer = send_all(upload, requests.Session())
    assert answer.status_code == 200
    assert int(answer.json()["size"]) == len(LARGE)
    expect_picture(url, id)


def test_the_python_client_recovers_an_upload(url):
    id, session = announced(url, len(LARGE))
    upload = python_upload(session, io.BytesIO(LARGE), len(LARGE))
    transport = requests.Session()
    upload.transmit_next_chunk(transport)
    with pytest.raises(InvalidResponse):  # it takes any other status as a failure
        upload.transmit_next_chunk(_Failing())
    upload.recover(transport)
    assert upload.bytes_uploaded == UNIT
    send_all(upload, transport)
    expect_picture(url, id)


class _Failing:
    def request(self, *_, **__):
        answer = requests.Response()
        answer.status_code = 403
        return answer


@pytest.mark.parametrize("excess", [-1000, 1, 4 * UNIT])
def test_the_python_client_is_told_if_the_size_is_not_the_announced_one(url, excess):
    id, session = announced(url, len(LARGE) - excess)
    upload = python_upload(session, io.BytesIO(LARGE), len(LARGE))
    transport = requests.Session()
    with pytest.raises(InvalidResponse) as caught:
        send_all(upload, transport)
    assert "bytes were declared" in caught.value.response.text
    assert requests.get(f"{url}/{id}", timeout=20).status_code == 404


def test_a_session_url_takes_a_post_too(url):
    id, session = announced(url, ROCKET.stat().st_size)
    answer = requests.post(session, data=ROCKET.read_bytes(), timeout=20)
    assert answer.status_code == 200, answer.text
    expect_picture(url, id, ROCKET.stat().st_size)


@needs.posix("symbolic links")
def test_the_documented_javascript_does_all_of_it(url, file, tmp_path):
    text = (ROOT / "docs" / "large-uploads.md").read_text()
    [code] = re.findall(r"^```js\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "send.mjs").write_text(code)
    (tmp_path / "node_modules").symlink_to(node_modules())
    command = ["node", str(tmp_path / "send.mjs"), url, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["status"] == "done"
