"""Ports that are free, for servers that will listen on them later."""

import random
import subprocess
import sys

import pytest

from emulator.ports import free_port

GIVEN = "from emulator.ports import free_port; print(free_port(), flush=True); input()"


def test_each_port_is_another_one():
    assert len({free_port() for _ in range(60)}) == 60


def test_ports_can_be_asked_for_without_end():
    for _ in range(2000):
        free_port()


def test_a_port_that_another_process_was_given_is_not_given_again_until_that_process_ends(
    monkeypatch,
):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", GIVEN], **pipes) as other:
        port = int(other.stdout.readline())
        monkeypatch.setattr(random.SystemRandom, "sample", lambda *_: [port])
        with pytest.raises(OSError, match="no free port"):
            free_port()
        other.communicate(b"\n")
    assert free_port() == port
