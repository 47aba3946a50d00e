"""`up --notify` with the example subscriber of the documentation."""

import base64
import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import HOST, answers, free_port
from tests.conformance.endpoint import listening
from tests.e2e.commands import run, up
from tests.e2e.conftest import need
from tests.pictures import ROCKET, picture


def send(url, data):
    answer = requests.post(url, files={"file": ("cat.png", data)}, timeout=30)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def wait_until(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def subscriber(folder, port, cloud):
    """Run the example; give the lines that it prints."""
    [(sender, keys)] = re.findall(r"signed as (\S+)\.\nIts keys: (\S+)", cloud.log)
    log = folder / "subscriber.log"
    env = {
        "URL": f"http://{HOST}:{port}/",
        "SENDER": sender,
        "CERTS": keys,
        "PORT": str(port),
        "DATA": str(folder / "done.db"),
    }
    with (
        log.open("w") as out,
        subprocess.Popen(
            [sys.executable, ROOT / "docs" / "subscriber.py"], env=env, stdout=out, stderr=out
        ) as process,
    ):
        wait_until(lambda: answers(port))
        yield lambda: [line for line in log.read_text().splitlines() if " 204 " not in line]
        process.terminate()


def test_the_example_subscriber_hears_of_each_thumbnail_once_and_of_nobody_else(tmp_path):
    port = free_port()
    with (
        up(tmp_path, "--port", free_port(), "--notify", f"http://{HOST}:{port}/") as cloud,
        subscriber(tmp_path, port, cloud) as lines,
    ):
        done = send(cloud.url("upload"), ROCKET.read_bytes())
        failed = send(cloud.url("upload"), picture(400, 300, format="PNG")[:300])
        wait_until(lambda: len(lines()) >= 2)
        grows = f"{cloud.url('upload')}/{done}"
        assert requests.post(f"{grows}?sizes=96", timeout=30).status_code == 202
        wait_until(lambda: len(lines()) >= 3)
        data = {"schema": "1", "state": "done", "id": "0" * 32, "generation": 1, "thumbnails": []}
        body = {"message": {"data": base64.b64encode(json.dumps(data).encode()).decode()}}
        forged = requests.post(f"http://{HOST}:{port}/", json=body, timeout=20)
        token = {"Authorization": "Bearer e30.e30.e30"}
        signed_by_nobody = requests.post(
            f"http://{HOST}:{port}/", json=body, headers=token, timeout=20
        )
        cloud.process.terminate()
        cloud.process.wait(30)
    assert forged.status_code == signed_by_nobody.status_code == 401
    told = sorted(line for line in lines() if not re.search(r'"POST .*" 401|code 401', line))
    assert told[:2] == [f"done {done} {done}/256.jpg", f"done {done} {done}/96.jpg"]
    assert told[2].startswith(f"failed {failed} ")
    assert len(told) == 3


@pytest.mark.parametrize("broker", ["embedded", "official"])
def test_an_endpoint_that_fails_is_told_again_and_the_next_up_without_one_tells_nobody(
    tmp_path, broker
):
    need(broker)
    with listening() as endpoint:
        endpoint.answer = lambda push: 503 if len(endpoint.pushes) < 3 else 204
        options = ("--port", free_port(), "--pubsub", broker)
        with up(tmp_path, *options, "--notify", endpoint.url) as cloud:
            id = send(cloud.url("upload"), ROCKET.read_bytes())
            wait_until(lambda: len(endpoint.pushes) >= 3)
            cloud.process.terminate()
            cloud.process.wait(30)
        assert {json.loads(push.data)["id"] for push in endpoint.pushes} == {id}
        count = len(endpoint.pushes)
        with up(tmp_path, *options) as cloud:
            url = cloud.url("upload")
            second = send(url, ROCKET.read_bytes())
            status = requests.get(f"{url}/{second}", params={"wait": 30}, timeout=60).json()
            cloud.process.terminate()
            cloud.process.wait(30)  # until what was on its way has been sent
        assert status["status"] == "done"
        assert len(endpoint.pushes) == count


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "127.0.0.1:9000", "http://", "http://a:b/"])
def test_an_invalid_url_is_refused(tmp_path, url):
    result = run("up", "--data", tmp_path, "--notify", url)
    assert result.returncode == 2
    assert f"--notify: {url!r}: expected a URL such as" in result.stderr
    assert not (tmp_path / "lock").exists()
