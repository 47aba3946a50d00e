"""Output that cannot be written, and Ctrl-C at any moment: never a traceback."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from emulator.bootstrap import ROOT
from tests import needs
from tests.e2e.commands import COMMAND, from_anywhere, run
from tests.pictures import ROCKET

pytestmark = needs.posix("a shell and signals")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `emulator` is the command line."""
    define = f'emulator() {{ {" ".join(COMMAND)} "$@"; }}; set -o pipefail; '
    return subprocess.run(
        ["bash", "-c", define + line],  # noqa: S607 - the shell that is on the PATH
        cwd=ROOT,
        env=from_anywhere() | {"PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("what", ["--help", "--version", "thumb"])
def test_a_full_disk_behind_the_output_is_told(tmp_path, shared_up, what):
    if what == "thumb":
        what = f"thumb {ROCKET} --out {tmp_path} --json --data {shared_up.data}"
    result = shell(f"emulator {what} > /dev/full")
    assert result.returncode == 1
    assert result.stderr.endswith("The output could not be written: No space left on device.\n")
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr


def test_nobody_who_reads_on_is_no_error_to_tell(shared_up):
    for what in ("--help", f"env --data {shared_up.data}"):
        result = shell(f"emulator {what} | head -1")
        assert result.stderr == ""
        assert len(result.stdout.splitlines()) == 1
    result = shell("{ emulator --help; echo $? >&2; } | true")
    assert result.stderr in ("0\n", "141\n")  # it may have been quicker than `true`


def test_no_output_at_all_is_no_error_either():
    result = shell("emulator --version >&-")
    assert result.returncode == 0
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.5, 1, 2, 3])
def test_ctrl_c_ends_thumb_without_a_traceback(tmp_path, seconds):
    command = [*COMMAND, "thumb", ROCKET, "--out", tmp_path / "out", "--data", tmp_path / "data"]
    with subprocess.Popen(
        command,
        env=from_anywhere(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=held,
    ) as process:
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode in (0, 130, -signal.SIGINT), said
    assert "Traceback" not in said
    assert "Exception" not in said


def held() -> None:
    """Hold Ctrl-C back while Python starts, as `python3 -m emulator` does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def test_the_command_alone_shows_the_commands():
    result = run()
    assert result.returncode == 0
    assert "thumb " in result.stdout
    assert result.stderr == ""
