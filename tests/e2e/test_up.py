"""The commands `up` and `env`."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from emulator.topology_file import read_topology
from tests import needs
from tests.conformance.endpoint import eventually
from tests.e2e.commands import environment, run, up
from tests.e2e.conftest import BROKERS, need
from tests.pictures import ROCKET

MOST = read_topology().functions["resize"].max_instances


def children(pid: int) -> set[int]:
    """Return all processes below one (Linux)."""
    found = set()
    for folder in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, folder.read_text().split()):
            found |= {child} | children(child)
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def all_end(pids: set[int], seconds: float = 10) -> bool:
    """Wait until all have ended: a decoder does so by itself, a moment after its function."""
    end = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pids)


def upload(url: str) -> str:
    answer = requests.post(url, files={"file": ("rocket.jpg", ROCKET.read_bytes())}, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def upload_once_it_listens(url: str) -> str:
    end = time.monotonic() + 30
    while True:
        try:
            return upload(url)
        except requests.ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.1)


def thumbnail(url: str, id: str, wait: int = 20) -> requests.Response:
    return requests.get(f"{url}/{id}/256", params={"wait": wait}, timeout=60)


@needs.linux("/proc")
@pytest.mark.parametrize("broker", BROKERS)
def test_after_ctrl_c_nothing_runs_and_the_next_up_still_serves_the_thumbnail(tmp_path, broker):
    need(broker)
    options = ("--port", free_port(), "--pubsub", broker)
    with up(tmp_path, *options) as cloud:
        id = upload(cloud.url("upload"))
        before = thumbnail(cloud.url("upload"), id)
        assert before.status_code == 200
        processes = children(cloud.process.pid)
        assert len(processes) >= 4
        assert cloud.stop(signal.SIGINT) == 0
        assert all_end(processes)
        assert "Stopped" in cloud.log
    with up(tmp_path, *options) as cloud:
        after = thumbnail(cloud.url("upload"), id, wait=0)
        assert after.content == before.content
        assert cloud.stop(signal.SIGTERM) == 0


def test_the_curl_line_works_as_it_is_printed(shared_up):
    [line] = [line.strip() for line in shared_up.log.splitlines() if line.startswith("  curl ")]
    answer = subprocess.run(shlex.split(line), cwd=ROOT, capture_output=True, text=True, check=True)
    assert '"status":"queued"' in answer.stdout


@needs.posix("the browser is a script of the shell")
def test_the_page_is_named_and_opened_in_a_browser(tmp_path, monkeypatch):
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    with up(tmp_path, "--port", free_port(), "--open") as cloud:
        page = f"{cloud.url('upload')}/"
        eventually(lambda: seen.exists() and seen.read_text() == f"{page}\n")
        assert f"Open this address in a browser:\n\n  {page}\n" in cloud.log
        assert "<html" in requests.get(page, headers={"Accept": "text/html"}, timeout=30).text
        cloud.stop(signal.SIGINT)


def test_without_a_browser_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER", str(tmp_path / "no-such-browser %s"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with up(tmp_path, "--port", free_port(), "--open") as cloud:
        cloud.wait_for("--open: found no browser. Open the address above in one.")
        cloud.stop(signal.SIGINT)


def test_verbose_shows_what_the_functions_log_and_no_request_to_storage(tmp_path):
    with up(tmp_path, "--port", free_port(), "--verbose") as cloud:
        id = upload(cloud.url("upload"))
        assert thumbnail(cloud.url("upload"), id).status_code == 200
        cloud.wait_for(f"done {id}")
        cloud.stop(signal.SIGINT)
        assert [line for line in cloud.log.splitlines() if "/storage/v1" in line] == []


def test_with_the_variable_of_cloud_run_the_functions_log_json(tmp_path, monkeypatch):
    monkeypatch.setenv("K_SERVICE", "local")
    with up(tmp_path, "--port", free_port(), "--verbose") as cloud:
        requests.post(cloud.url("upload"), data=ROCKET.read_bytes(), timeout=30)
        cloud.wait_for('"event": "accepted"')
        cloud.stop(signal.SIGINT)


@needs.linux("/proc")
def test_functions_that_are_killed_are_back_and_the_job_is_done(tmp_path):
    with up(tmp_path, "--port", free_port()) as cloud:
        url = cloud.url("upload")
        parts = {}
        for pid in children(cloud.process.pid):
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if "--target" in arguments:
                parts[arguments[arguments.index("--target") + 1]] = os.getpgid(pid)
        for group in parts.values():
            os.killpg(group, signal.SIGKILL)
        cloud.wait_for("upload    | ended with status -9: restarted")
        cloud.wait_for("resize    | ended with status -9: restarted")
        id = upload_once_it_listens(url)
        assert thumbnail(url, id, wait=30).status_code == 200
        cloud.stop(signal.SIGINT)


def test_a_taken_port_is_told_with_the_way_out(tmp_path):
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        result = run("up", "--data", tmp_path, "--port", port)
    assert result.returncode == 1
    assert result.stderr == (
        f"Port {port} is taken by another program. Stop it or choose another port: "
        f"--port {port + 1}\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_an_invalid_port_is_reported(tmp_path, port):
    result = run("up", "--data", tmp_path, "--port", port)
    assert result.returncode == 2
    assert f"{port!r}: expected a port from 1 to 65535" in result.stderr


def test_an_unusable_data_folder_is_reported(tmp_path):
    (tmp_path / "file").touch()
    result = run("up", "--data", tmp_path / "file", "--port", free_port())
    assert result.returncode == 1
    assert result.stderr == f"--data {tmp_path / 'file'}: File exists\n"


def test_a_second_up_on_the_same_data_is_told(shared_up):
    result = run("up", "--data", shared_up.data, "--port", free_port())
    assert result.returncode == 1
    assert "choose another folder: --data DIR" in result.stderr


def test_without_java_the_official_emulator_is_told_to_need_it(tmp_path):
    result = run(
        *("up", "--data", tmp_path, "--port", free_port(), "--pubsub", "official"),
        env={"PATH": str(tmp_path)},
    )
    assert result.returncode == 1
    assert result.stderr == (
        "Google's Pub/Sub emulator needs Java 17 or newer: there is no java on the PATH.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--instances", "paint=2"], "unknown function 'paint': expected upload, resize"),
        (["--instances", "resize=0"], f"expected a number from 1 to {MOST}"),
        (["--instances", "resize"], f"expected a number from 1 to {MOST}"),
    ],
)
def test_a_wrong_number_of_instances_is_told(tmp_path, arguments, message):
    result = run("up", "--data", tmp_path, "--port", free_port(), *arguments)
    assert result.returncode == 1
    assert message in result.stderr


def test_env_without_up_says_what_to_start(tmp_path):
    result = run("env", "--data", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "python3 -m emulator up" in result.stderr


@needs.bash
def test_a_function_runs_by_hand_with_what_env_prints(shared_up, tmp_path):
    lines = run("env", "--data", shared_up.data).stdout
    script = (
        f"{lines}\nexport PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
        'echo "$PORT"\nexec functions-framework --target upload\n'
    )
    by_hand = subprocess.Popen(
        ["bash", "-c", script],  # noqa: S607 - the shell that is on the PATH
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with by_hand:
        try:
            url = f"http://{HOST}:{by_hand.stdout.readline().strip()}"
            id = upload_once_it_listens(url)
            assert thumbnail(url, id).status_code == 200
        finally:
            by_hand.terminate()


def test_a_wrong_setting_is_told_without_waiting_for_it_to_heal(tmp_path):
    wrong = {"QUICKTHUMB_RENDITIONS": "small:0"}
    result = run("up", "--data", tmp_path, "--port", free_port(), env=wrong)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("QUICKTHUMB_RENDITIONS: 'small:0'")
    assert "was not ready" not in result.stderr
