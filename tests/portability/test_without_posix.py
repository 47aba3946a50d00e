"""The cloud without gunicorn and the modules that Windows does not have, in all its processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import HOST, answers, free_port
from tests import needs
from tests.e2e.commands import Up, environment, run
from tests.pictures import ROCKET

pytestmark = needs.posix("it is what is taken away")

WITHOUT = Path(__file__).with_name("without")
FRAMEWORK = ROOT / "emulator/parts/guest/framework.py"
PATH = {"PYTHONPATH": os.pathsep.join([str(WITHOUT), str(ROOT)])}

SLOW = """
import os, time
import functions_framework

@functions_framework.http
def slow(request):
    with open(request.args["log"], "a") as log:
        log.write(f"begin {os.getpid()}\\n")
    time.sleep(float(request.args["seconds"]))
    with open(request.args["log"], "a") as log:
        log.write(f"end {os.getpid()}\\n")
    return str(os.getpid())

def broken(request):
    return ""
"""


def eventually(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_modules_are_missing_as_on_windows():
    code = "import importlib.util, gunicorn"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, **PATH}, capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr


def test_thumb_makes_thumbnails(tmp_path):
    arguments = (ROCKET, "--out", tmp_path / "out", "--data", tmp_path / "data")
    result = run("thumb", *arguments, "--sizes", "64,128", env=PATH)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_pubsub_starts_and_ends_in_order(tmp_path):
    ports = ("--port", str(free_port()), "--jwks-port", str(free_port()))
    command = [sys.executable, "-m", "emulator.pubsub", *ports, "--data", str(tmp_path / "data")]
    env = {**environment(), **PATH}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=ROOT) as broker:
        assert broker.stdout.readline().startswith("Pub/Sub is ready")
        broker.send_signal(signal.SIGHUP)
        assert broker.wait(30) == 0


@pytest.mark.skipif(
    os.name == "posix" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
    reason="needs SIGHUP, which nohup lets all programs ignore",
)
def test_up_serves_until_its_terminal_is_closed(tmp_path):
    log, port = tmp_path / "log", free_port()
    command = [sys.executable, "-m", "emulator.cli", "up", "--data", str(tmp_path / "data")]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--instances", "resize=2"],
            cwd=ROOT,
            env={**environment(), **PATH},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    with process:
        try:
            up = Up(process, tmp_path / "data", log)
            up.wait_for("Ctrl-C stops everything")
            url = up.url("upload")
            sent = requests.post(url, files={"file": ROCKET.read_bytes()}, timeout=30)
            assert sent.status_code == 202, sent.text
            finished = requests.get(f"{url}{sent.json()['links']['self']}?wait=30", timeout=60)
            assert finished.json()["status"] == "done"
            assert up.stop(signal.SIGHUP) == 0
            assert not answers(port)
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def serve(tmp_path):
    """Give a function that serves `SLOW`, and returns the process and its URL."""
    (tmp_path / "main.py").write_text(SLOW)
    running = []

    def start(target="slow", **variables):
        port = free_port()
        options = ("--source", str(tmp_path / "main.py"), "--target", target)
        process = subprocess.Popen(
            [sys.executable, str(FRAMEWORK), *options, "--host", HOST, "--port", str(port)],
            env={**environment(), **PATH, **variables},
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        return process, f"http://{HOST}:{port}/"

    yield start
    for process in running:
        process.terminate()
        process.wait(30)


def call(url, log, seconds=0.0):
    return requests.get(url, params={"log": str(log), "seconds": seconds}, timeout=60).text


def test_an_instance_takes_no_more_at_once_than_it_may(serve, tmp_path):
    _process, url = serve(THREADS="2", WORKERS="1")
    eventually(lambda: answers(int(url.rpartition(":")[2].strip("/"))))
    log = tmp_path / "log"
    callers = [threading.Thread(target=call, args=(url, log, 0.3)) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    running = most = 0
    for line in log.read_text().splitlines():
        running += 1 if line.startswith("begin") else -1
        most = max(most, running)
    assert (most, running) == (2, 0)


def test_instances_share_requests_and_are_replaced_when_they_die(serve, tmp_path):
    _process, url = serve(THREADS="1", WORKERS="2")
    eventually(lambda: answers(int(url.rpartition(":")[2].strip("/"))))
    log, found = tmp_path / "log", []
    callers = [threading.Thread(target=lambda: found.append(call(url, log, 1.0))) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    first = set(found)
    assert len(first) == 2
    for pid in first:
        os.kill(int(pid), signal.SIGKILL)
    assert call(url, log) not in first


def test_an_instance_ends_when_its_only_request_takes_too_long(serve, tmp_path):
    _process, url = serve(THREADS="1", WORKERS="1", CLOUD_RUN_TIMEOUT_SECONDS="1")
    eventually(lambda: answers(int(url.rpartition(":")[2].strip("/"))))
    log = tmp_path / "log"
    with pytest.raises(requests.ConnectionError):
        call(url, log, 60)
    assert call(url, log).isdecimal()


def test_requests_are_finished_before_the_end(serve, tmp_path):
    process, url = serve(THREADS="1", WORKERS="1")
    eventually(lambda: answers(int(url.rpartition(":")[2].strip("/"))))
    log, found = tmp_path / "log", []
    caller = threading.Thread(target=lambda: found.append(call(url, log, 1.0)))
    caller.start()
    eventually(log.exists)
    process.terminate()
    caller.join()
    assert found
    assert found[0].isdecimal()
    assert process.wait(30) == 0


def test_a_function_that_cannot_be_loaded_ends_its_server(serve):
    process, _url = serve("missing", THREADS="1", WORKERS="2")
    assert process.wait(30) == 1
