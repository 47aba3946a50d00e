import subprocess
import sys

import pytest
from PIL import Image

from emulator.bootstrap import ROOT
from infra.smoke_test import Service, Wrong, check, jpeg_size

ROCKET = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"


@pytest.fixture
def url(shared_cloud):
    return shared_cloud.addresses.upload


def smoke_test(*arguments):
    script = ROOT / "infra" / "smoke_test.py"
    # -I: nothing but the standard library, whatever is installed or lies beside the script.
    command = [sys.executable, "-I", "-S", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


def test_a_service_that_works_passes(url):
    result = smoke_test(url, str(ROCKET))
    assert result.returncode == 0, result.stderr
    width, height = Image.open(ROCKET).size
    assert result.stdout.startswith(f"{width}x{height} became 256x")


def test_what_it_sent_is_deleted_again(url, monkeypatch):
    sent = []
    service = Service(url, "")
    call = service.call

    def remembered(method, path, data=None):
        sent.append((method, path))
        return call(method, path, data)

    monkeypatch.setattr(service, "call", remembered)
    check(service, ROCKET.read_bytes())
    method, path = sent[-1]
    assert method == "DELETE"
    with pytest.raises(Wrong, match="404"):
        call("GET", path)


def test_a_service_that_does_not_answer_fails():
    with pytest.raises(Wrong, match="refused"):
        check(Service("http://127.0.0.1:1", ""), ROCKET.read_bytes(), patience=0)


class Broken(Service):
    """Answers as told."""

    def __init__(self, status, thumbnail):
        self.answers = {"/health": b"", "/7?wait=20": status, "/7/256": thumbnail, "/7": b""}

    def call(self, method, path, data=None):
        return b'{"id": "7"}' if method == "POST" else self.answers[path]


@pytest.mark.parametrize(
    ("status", "thumbnail", "message"),
    [
        (b'{"status": "queued"}', b"", "still queued"),
        (b'{"status": "failed", "code": "x"}', b"", "failed"),
        (b'{"status": "done"}', b"<html>", "expected a JPEG"),
        (b'{"status": "done"}', ROCKET.read_bytes(), "expected"),
    ],
)
def test_a_service_that_does_not_keep_its_promise_fails(status, thumbnail, message):
    with pytest.raises(Wrong, match=message):
        check(Broken(status, thumbnail), ROCKET.read_bytes(), patience=-1)


def test_it_says_how_to_call_it():
    assert smoke_test().returncode == 2
    assert "https://" in smoke_test("example.com", str(ROCKET)).stderr


def test_it_reads_the_size_of_a_jpeg_as_pillow_does(tmp_path):
    for progressive in (False, True):
        file = tmp_path / "a.jpg"
        Image.new("RGB", (37, 11)).save(file, progressive=progressive)
        assert jpeg_size(file.read_bytes()) == (37, 11)
