"""Ports that are free, for servers that will listen on them later."""

import subprocess
import sys
from itertools import pairwise

from emulator.bootstrap import ROOT
from emulator.ports import free_port

TOLD = "from emulator.ports import free_port; print(*(free_port() for _ in range(20)))"


def test_no_port_is_given_twice():
    assert len({free_port() for _ in range(200)}) == 200


def test_ports_that_are_given_have_room_behind_them():
    given = sorted(free_port() for _ in range(30))
    assert all(later - earlier > 8 for earlier, later in pairwise(given))


def test_programs_that_start_together_get_different_ports():
    command = [sys.executable, "-c", TOLD]
    programs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)
    ]
    ports = [port for program in programs for port in program.communicate()[0].split()]
    assert len(set(ports)) == 4 * 20
