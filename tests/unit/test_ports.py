"""Ports that are free, for servers that will listen on them later."""

import random
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from tests import needs

TOLD = """
from emulator.ports import free_port
print(*(free_port() for _ in range({number})), flush=True)
input()
"""

FEW_HANDLES = """
import resource
from emulator.ports import free_port
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
print(len({free_port() for _ in range(1000)}))
"""


@contextmanager
def program(number):
    """Run a program that is given ports, which are returned, until the end of the block."""
    command = [sys.executable, "-c", TOLD.format(number=number)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        yield process
        process.communicate("\n")


def given(process):
    return [int(port) for port in process.stdout.readline().split()]


def test_no_port_is_given_twice():
    assert len({free_port() for _ in range(1000)}) == 1000


@needs.posix("resource")
def test_ports_that_are_given_take_few_handles():
    command = [sys.executable, "-c", FEW_HANDLES]
    assert subprocess.check_output(command, cwd=ROOT) == b"1000\n"


def test_programs_that_start_together_get_different_ports():
    with ExitStack() as stack:
        programs = [stack.enter_context(program(20)) for _ in range(4)]
        ports = [port for process in programs for port in given(process)]
    assert len(set(ports)) == 4 * 20


def test_a_port_of_another_program_is_not_given_until_that_program_ends(monkeypatch):
    with program(1) as other:
        [port] = given(other)
        monkeypatch.setattr(random.SystemRandom, "sample", lambda *_: [port])
        with pytest.raises(OSError, match="no free port"):
            free_port()
    assert free_port() == port
