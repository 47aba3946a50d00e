"""Keys, origins and the death of a process, in a cloud of real processes set up for them."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from tests import needs
from tests.e2e.commands import run
from tests.pictures import ROCKET

PAGE = "https://app.example.com"
KEY = "a key for tests"
FILES = {"file": ("rocket.jpg", ROCKET.read_bytes())}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    topology = read_topology()
    console = Console()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("QUICKTHUMB_API_KEYS", hashlib.sha256(KEY.encode()).hexdigest())
        environment.setenv("QUICKTHUMB_CORS_ORIGINS", PAGE)
        cloud = Cloud(topology, tmp_path_factory.mktemp("guarded"), console)
    with cloud:
        yield cloud


def post(cloud, **headers):
    return requests.post(cloud.addresses.upload, files=FILES, headers=headers, timeout=60)


def originals(cloud):
    bucket = f"{cloud.addresses.storage}/storage/v1/b/quickthumb-originals/o"
    return {blob["name"] for blob in requests.get(bucket, timeout=20).json().get("items", [])}


def eventually(is_so, what):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_only_clients_with_the_key_may_upload_and_delete(guarded):
    before = originals(guarded)
    for headers in ({}, {"X-API-Key": "another"}):
        answer = post(guarded, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert originals(guarded) == before
    id = post(guarded, Authorization=f"Bearer {KEY}").json()["id"]
    url = f"{guarded.addresses.upload}/{id}"
    assert requests.get(f"{url}/256?wait=30", timeout=60).status_code == 200
    assert requests.delete(url, timeout=60).status_code == 401
    assert requests.delete(url, headers={"X-API-Key": KEY}, timeout=60).status_code == 204


@pytest.mark.parametrize("megabytes", [1, 30, 100])
def test_clients_without_a_key_get_a_response_to_any_size_of_upload(guarded, megabytes):
    body = bytes(megabytes * 2**20)
    answer = requests.post(guarded.addresses.upload, data=body, timeout=120)
    assert answer.status_code == 401


def test_a_page_of_a_configured_origin_may_use_the_service(guarded):
    url = guarded.addresses.upload
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "idempotency-key,x-api-key"
    allowed = requests.options(url, headers=asks, timeout=30)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == PAGE
    answer = post(guarded, Origin=PAGE, **{"X-API-Key": KEY})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Location" in answer.headers["access-control-expose-headers"]
    thumbnail = f"{url}/{answer.json()['id']}/256"
    for headers in ({}, {"Origin": PAGE}, {"Origin": "https://elsewhere.example"}):
        picture = requests.get(thumbnail, params={"wait": 30}, headers=headers, timeout=60)
        assert (picture.status_code, picture.headers["vary"]) == (200, "Origin")
        allowed = picture.headers.get("access-control-allow-origin")
        assert allowed == (PAGE if headers.get("Origin") == PAGE else None)
    asks["Origin"] = "https://elsewhere.example"
    assert requests.options(url, headers=asks, timeout=30).status_code == 403


@needs.posix("processes are stopped and killed by signals")
def test_a_retry_finishes_what_a_killed_process_has_begun(guarded):
    """The process dies between storing the original and publishing its job."""
    before = originals(guarded)
    headers = {"X-API-Key": KEY, "Idempotency-Key": str(uuid.uuid4())}
    pids = guarded.pids()
    os.killpg(pids["pubsub"], signal.SIGSTOP)  # so that it waits where it publishes
    try:
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(post, guarded, **headers)
            eventually(lambda: originals(guarded) - before, "the original is not stored")
            os.killpg(pids["upload"], signal.SIGKILL)
            with pytest.raises(requests.ConnectionError):
                first.result()
    finally:
        os.killpg(pids["pubsub"], signal.SIGCONT)
    eventually(lambda: is_healthy(guarded), "the function was not started again")
    second = post(guarded, **headers)
    assert second.status_code == 202, second.text
    id = second.json()["id"]
    assert originals(guarded) - before == {id}
    status = requests.get(f"{guarded.addresses.upload}/{id}?wait=30", timeout=60)
    assert status.json()["status"] == "done"
    assert post(guarded, **headers).json() == second.json()


def is_healthy(cloud):
    try:
        return requests.get(f"{cloud.addresses.upload}/health", timeout=5).ok
    except requests.RequestException:
        return False


def test_our_own_tools_show_the_key_in_the_environment(guarded, tmp_path):
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    thumb = partial(run, "thumb", ROCKET, "--data", tmp_path / "data", "--out", tmp_path / "out")
    refused = thumb(env={"QUICKTHUMB_API_KEYS": hashed})
    assert refused.returncode == 1
    assert "the environment variable QUICKTHUMB_API_KEY" in refused.stdout + refused.stderr
    done = thumb(env={"QUICKTHUMB_API_KEYS": hashed, "QUICKTHUMB_API_KEY": KEY})
    assert done.returncode == 0, done.stdout + done.stderr

    smoke_test = [
        sys.executable,
        ROOT / "infra" / "smoke_test.py",
        guarded.addresses.upload,
        ROCKET,
    ]
    for key, status in ((KEY, 0), ("", 1)):
        environment = os.environ | {"QUICKTHUMB_API_KEY": key}
        result = subprocess.run(
            smoke_test, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == status, result.stdout + result.stderr


def commands():
    """Return the lines of docs/access.md that make keys, by the block they are in."""
    text = (ROOT / "docs" / "access.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [block.replace("$ ", "", 1).replace("\n$ ", "\n") for block in blocks[:2]]


@needs.posix("the document speaks of a POSIX shell")
@pytest.mark.parametrize("script", commands(), ids=["openssl", "python"])
def test_the_documented_ways_to_make_a_key_make_one(script):
    if "openssl" in script:
        script += 'printf %s "$KEY" >&2'
    result = subprocess.run(
        ["/bin/sh", "-c", script.replace("python3", sys.executable)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    key, hashed = (result.stderr + "\n" + result.stdout).split()
    assert hashlib.sha256(key.encode()).hexdigest() == hashed
    assert len(key) == 44
