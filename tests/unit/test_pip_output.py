"""What pip prints becomes progress."""

import io
import sys

import pytest

from emulator.pip_output import PipOutput, packages_in
from emulator.status_line import status_line

LOCK = """\
one==1 --hash=sha256:0
two==2 ; sys_platform == 'darwin' --hash=sha256:0
two==3 ; sys_platform != 'darwin' --hash=sha256:0
"""


@pytest.fixture
def output(tmp_path):
    (lock := tmp_path / "requirements.txt").write_text(LOCK)
    (tmp_path / "pip-1.dist-info").mkdir()  # which was there before
    return PipOutput(lock, tmp_path)


def test_a_package_with_several_versions_is_one(tmp_path):
    (lock := tmp_path / "requirements.txt").write_text(LOCK)
    assert packages_in(lock) == 2


def test_packages_and_megabytes_are_counted_while_they_are_fetched(output):
    assert output.state() == "Downloading: 0 of 2 packages"
    output.add("Collecting one==1 (from -r requirements.txt (line 1))\n")
    output.add("  Using cached one-1-py3-none-any.whl (10.3 MB)\n")
    assert output.state() == "Downloading: 1 of 2 packages, 10 MB"
    output.add("Processing ./wheels/two-3-py3-none-any.whl (from -r requirements.txt (line 2))\n")
    output.add("  Downloading two-3-py3-none-any.whl (1500 kB)\n")
    output.add("  Downloading two-3-py3-none-any.whl.metadata (500 bytes)\n")
    assert output.state() == "Downloading: 2 of 2 packages, 12 MB"


def test_packages_are_counted_while_they_are_unpacked(output, tmp_path):
    output.add("Installing collected packages: two, one\n")
    assert output.state() == "Installing: 0 of 2 packages"
    (tmp_path / "two-3.dist-info").mkdir()
    assert output.state() == "Installing: 1 of 2 packages"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "expected"), [(Terminal, "fetching, 0 s"), (io.StringIO, "")])
def test_a_state_is_shown_on_a_terminal_alone_and_removed(monkeypatch, stream, expected):
    screen = stream()
    monkeypatch.setattr(sys, "stderr", screen)
    with status_line(lambda: "fetching"):
        while expected not in screen.getvalue():
            pass
    shown = screen.getvalue().split("\r\033[K")
    assert expected in shown
    assert shown[-1] == ""
