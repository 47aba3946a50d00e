"""The command `load`, as used to size a deployment."""

import os
import pty
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from tests import needs
from tests.documents import commands
from tests.e2e.commands import COMMAND, environment, run
from tests.pictures import ROCKET, SAMPLES

GUIDE = ROOT / "infra" / "README.md"


def thumbnails(cloud):
    """Return the number of thumbnails in the bucket."""
    found, token = 0, ""
    while token is not None:
        answer = requests.get(
            f"{cloud.url('storage')}/storage/v1/b/quickthumb-processed/o",
            params={"pageToken": token} if token else {},
            timeout=30,
        ).json()
        found += sum(item["name"].endswith(".jpg") for item in answer.get("items", []))
        token = answer.get("nextPageToken")
    return found


def test_it_reports_what_it_sent_and_deletes_it(shared_up, tmp_path):
    before = thumbnails(shared_up)
    svg = tmp_path / "load.svg"
    result = run("load", "--data", shared_up.data, "--rate", 5, "--seconds", 2, "--svg", svg)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Rate asked 5/s, sent 5.0/s" in result.stdout
    assert "10 due, 10 done, 0 refused, 0 failed, 0 interrupted, 0 not sent" in result.stdout
    for row in ("sent", "accepted", "thumbnails"):
        figures = re.search(
            rf"^{row} +" + r"([\d,]+) ms +" * 3 + r"([\d,]+) ms$", result.stdout, re.M
        )
        values = [int(text.replace(",", "")) for text in figures.groups()]
        assert values == sorted(values)
    assert values[0] > 0
    assert "█" in result.stdout
    assert "Deleting 10 uploads" in result.stderr
    assert thumbnails(shared_up) == before
    picture = ElementTree.parse(svg)  # noqa: S314 - our own
    assert "thumbnails" in "".join(picture.getroot().itertext())
    assert "url(" not in svg.read_text().replace("url(#", "")


def test_pictures_are_sent_in_turn_and_kept_on_request(shared_up):
    before = thumbnails(shared_up)
    mix = [ROCKET, SAMPLES / "coffee.png", ROOT / "README.md"]
    result = run(
        *("load", shared_up.url("upload") + "/", "--rate", 6, "--seconds", 1, "--keep"),
        *("--sizes", "64,128", "--mix", *mix),
    )
    assert result.returncode == 1
    assert "6 due, 4 done, 0 refused, 2 failed" in result.stdout
    assert "2 with 415 not-a-picture: README.md: " in result.stdout
    assert thumbnails(shared_up) == before + 4 * 2


@needs.posix("signals")
def test_ctrl_c_ends_the_load_with_a_report(shared_up):
    before = thumbnails(shared_up)
    with subprocess.Popen(
        [*COMMAND, "load", "--data", shared_up.data, "--rate", "5", "--seconds", "600"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        lines = iter(process.stderr.readline, "")
        assert any(int(re.search(r"done (\d+)", line)[1]) >= 2 for line in lines)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    done, interrupted = (
        int(re.search(rf"(\d+) {what}", out)[1]) for what in ("done", "interrupted")
    )
    assert done >= 2
    assert "Traceback" not in err
    # An upload whose answer was not awaited may have been accepted.
    assert before <= thumbnails(shared_up) <= before + interrupted


def test_a_terminal_shows_the_figures_in_place(shared_up):
    reader, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "load", "--data", shared_up.data, "--rate", "5", "--seconds", "2"],
        cwd=ROOT,
        env={**environment(), "TERM": "xterm", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        process.communicate(timeout=60)
    os.close(terminal)
    shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert process.returncode == 0, shown
    assert len(re.findall(r"\d of 2 s: rate .+?/s, p50 .+?, p99 .+?, waiting \d", shown)) >= 4
    assert "\x1b[2K" in shown


def test_a_url_without_a_server_is_reported():
    result = run("load", f"http://{HOST}:{free_port()}")
    assert (result.returncode, result.stdout) == (1, "")
    assert "does not answer" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_up_it_says_how_to_start_it(tmp_path):
    result = run("load", "--data", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "python3 -m emulator up" in result.stderr


class Hanging(BaseHTTPRequestHandler):
    """Describes itself, but never answers an upload."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.description)

    def do_POST(self):
        self.server.ended.wait(60)

    def log_message(self, *_):
        pass


@pytest.fixture
def hanging():
    with ThreadingHTTPServer((HOST, 0), Hanging) as server:
        server.description = b'{"max_upload_bytes":33554432}'
        server.ended = threading.Event()
        server.url = f"http://{HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()


def test_a_hanging_service_is_abandoned(hanging):
    result = run("load", hanging.url, "--rate", 4, "--seconds", 1, "--patience", 1)
    assert result.returncode == 1
    assert "4 due, 0 done, 0 refused, 4 failed" in result.stdout
    assert "does not answer" in result.stdout
    assert "Deleting 0 uploads" in result.stderr


@needs.posix("signals")
def test_ctrl_c_does_not_wait_for_a_hanging_service(hanging):
    command = [*COMMAND, "load", hanging.url, "--rate", "50", "--at-once", "3"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "waiting 3" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "0 done, 0 refused, 0 failed, 3 interrupted" in out
    assert "Traceback" not in err


@pytest.mark.parametrize("description", [b"<html>", b"[]", b"{}"])
def test_a_url_that_is_not_quickthumb_is_reported(hanging, description):
    hanging.description = description
    result = run("load", hanging.url)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--rate", "0"], 2, "--rate: '0': expected a number above 0, at most 1,000"),
        (["--rate", "1001"], 2, "'1001': expected a number above 0, at most 1,000"),
        (["--rate", "nan"], 2, "'nan': expected a number"),
        (["--seconds", "3601"], 2, "at most 3,600"),
        (["--seconds", "1h"], 2, "'1h': expected a number"),
        (["--at-once", "-1"], 2, "'-1': expected a number above 0, at most 2,000"),
        (["--mix", "nothing.jpg"], 1, "--mix nothing.jpg: there is no such file"),
        (["--mix", "docs"], 1, "--mix docs: there is no such file"),
        (["--header", "Authorization"], 2, "expected 'NAME: VALUE'"),
        (["--svg", "nowhere/load.svg"], 1, "nowhere/load.svg"),
        (["ftp://127.0.0.1"], 2, "'ftp://127.0.0.1': expected a URL such as"),
        (["--mixed"], 2, "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_reported(shared_up, arguments, status, message):
    result = run("load", *arguments, "--data", shared_up.data)
    assert (result.returncode, result.stdout) == (status, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@needs.bash
def test_the_commands_of_the_guide_run(shared_up, tmp_path):
    lines = [command.line for command in commands(GUIDE)]
    here, deployed = (line for line in lines if line.startswith("python3 -m emulator load"))
    here = here.split()[3:]
    assert run(*here, "--data", shared_up.data).returncode == 0
    script = (
        deployed.replace("python3 -m emulator", " ".join(COMMAND))
        .replace("$(gcloud auth print-identity-token)", "token")
        .replace("--seconds 300", "--seconds 1")
        .replace("holiday/*.jpg", "tests/fixtures/samples/*.jpg")
        .replace("load.svg", str(tmp_path / "load.svg"))
    )
    assert "gcloud" not in script
    result = subprocess.run(
        ["bash", "-c", script],  # noqa: S607 - the shell that is on the PATH
        cwd=ROOT,
        env={**environment(), "URL": shared_up.url("upload")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "load.svg").stat().st_size > 0
