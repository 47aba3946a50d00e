"""Consoles and processes of Windows, by a double of its library."""

import ctypes
import io
import os
import subprocess
import sys

import pytest

from emulator import alive, terminal

HANDLE = 0x1_0000_0002  # more than 32 bits, as handles may have


class Kernel32:
    """Consoles and processes as Windows has them, as far as they are used."""

    def __init__(self, running=(), ended=(), mode=3, modern=True):
        self.states = dict.fromkeys(running, 0x102) | dict.fromkeys(ended, 0)
        self.mode = mode
        self.modern = modern
        self.opened = []

    def OpenProcess(self, access, inherit, pid):  # noqa: N802 - its own name
        assert (access.value, inherit.value) == (0x100000, 0)
        if pid.value not in self.states:
            return None
        self.opened.append(pid.value)
        return HANDLE

    def WaitForSingleObject(self, handle, milliseconds):  # noqa: N802 - its own name
        assert (handle.value, milliseconds.value) == (HANDLE, 0)
        return self.states[self.opened[-1]]

    def CloseHandle(self, handle):  # noqa: N802 - its own name
        assert handle.value == HANDLE
        self.opened.pop()

    def GetConsoleMode(self, console, mode):  # noqa: N802 - its own name
        if self.mode is None:
            return 0
        ctypes.cast(mode, ctypes.POINTER(ctypes.c_uint32)).contents.value = self.mode
        return 1

    def SetConsoleMode(self, console, mode):  # noqa: N802 - its own name
        if not self.modern:
            return 0
        self.mode = mode.value
        return 1


@pytest.mark.parametrize(("pid", "runs"), [(5, True), (6, False), (7, False)])
def testruns_on_windows_a_process_runs_until_one_need_not_wait_for_it(pid, runs):
    kernel32 = Kernel32(running=[5], ended=[6])
    assert alive.runs_on_windows(pid, kernel32) is runs
    assert kernel32.opened == []


def test_a_process_runs_until_it_has_been_waited_for():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert alive.is_alive(process.pid)
    assert not alive.is_alive(process.pid)


def test_a_console_of_windows_is_asked_to_show_escape_sequences():
    kernel32 = Kernel32()
    assert terminal.ask_console(HANDLE, kernel32)
    assert kernel32.mode == 7


def test_a_console_that_is_too_old_or_none_shows_none():
    assert not terminal.ask_console(HANDLE, Kernel32(modern=False))
    assert not terminal.ask_console(HANDLE, Kernel32(mode=None))


def test_what_is_no_terminal_shows_none():
    assert not terminal.shows_escapes(io.StringIO())
    with open(os.devnull, "w") as file:  # noqa: PTH123 - no path of a file
        assert not terminal.shows_escapes(file)
