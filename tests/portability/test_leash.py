"""What a part leaves behind: nothing, however the emulator or the part ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time

import pytest

from emulator import leash
from emulator.job_object import Job, Limits
from emulator.leash import PosixLeash, WindowsLeash
from tests import needs

posix_only = needs.posix("process groups")

# Starts a worker, says both ids, and does not end when it is asked to.
FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else signal.SIG_DFL)
sleep = [sys.executable, "-c", "import time; time.sleep(120)"]
print(os.getpid(), subprocess.Popen(sleep).pid, flush=True)
time.sleep(120)
"""

EMULATOR = """
import sys; sys.path[:0] = {path!r}
from emulator.leash import PosixLeash
import subprocess, time
part = PosixLeash(grace=0.5).start({command!r}, stdout=subprocess.PIPE, text=True)
print(part.stdout.readline(), end="", flush=True)
time.sleep(120)
"""


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def eventually(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@posix_only
@pytest.mark.parametrize("part", ["obedient", "stubborn"])
def test_killing_the_emulator_ends_a_part_and_its_workers(part):
    command = [sys.executable, "-c", FAMILY, part]
    code = EMULATOR.format(path=sys.path, command=command)
    emulator = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with emulator:
        leader, _worker = map(int, emulator.stdout.readline().split())
        emulator.kill()
    eventually(lambda: group_is_gone(leader))


@posix_only
def test_a_part_that_is_let_go_leaves_neither_workers_nor_the_watcher():
    held = PosixLeash()
    part = held.start([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True)
    with part:
        leader, _worker = map(int, part.stdout.readline().split())
        assert leader == part.pid  # the shell has become the command
        held.ask_to_stop(part)
        assert part.wait(30) == -signal.SIGTERM
        assert not group_is_gone(leader)
        held.let_go(part)
    eventually(lambda: group_is_gone(leader))


@posix_only
def test_a_part_has_its_words_no_input_and_private_files():
    tell = "import os, sys; print(sys.argv[1:], sys.stdin.read(), oct(os.umask(0)), sep='|')"
    words = ["two words", "$HOME", "'", '"', "*"]
    part = PosixLeash().start([sys.executable, "-c", tell, *words], stdout=subprocess.PIPE)
    assert part.stdout.read().decode().rstrip() == f"{words}||0o77"
    part.wait(30)
    PosixLeash().let_go(part)
    part.stdout.close()


class Kernel32:
    """Job objects as Windows has them, as far as they are used."""

    def __init__(self, handle=0x1_0000_0002):  # more than 32 bits, as handles may have
        self.handle = handle
        self.calls = []

    def CreateJobObjectW(self, security, name):  # noqa: N802 - its own name
        assert (security, name) == (None, None)  # so children do not inherit the handle
        return self.handle

    def SetInformationJobObject(self, job, kind, limits, size):  # noqa: N802 - its own name
        assert kind.value == 9
        assert size.value == ctypes.sizeof(Limits)
        flags = ctypes.cast(limits, ctypes.POINTER(Limits)).contents.BasicLimitInformation
        self.calls.append(("limit", job.value, flags.LimitFlags))
        return 1

    def AssignProcessToJobObject(self, job, process):  # noqa: N802 - its own name
        self.calls.append(("add", job.value, process.value))
        return 1

    def CloseHandle(self, job):  # noqa: N802 - its own name
        self.calls.append(("close", job.value))
        return 1


def test_a_job_object_kills_its_processes_when_it_is_closed():
    kernel32 = Kernel32()
    job = Job(kernel32)
    job.add(77)
    job.close()
    job_id = kernel32.handle
    assert kernel32.calls == [("limit", job_id, 0x2000), ("add", job_id, 77), ("close", job_id)]


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_size_t) != 8, reason="needs a 64-bit Python")
def test_the_limits_of_a_job_object_have_the_layout_of_64_bit_windows():
    assert ctypes.sizeof(Limits) == 144
    assert Limits.ProcessMemoryLimit.offset == 112
    assert (
        Limits.BasicLimitInformation.offset + type(Limits().BasicLimitInformation).LimitFlags.offset
        == 16
    )


def test_on_windows_a_part_is_in_a_job_and_is_asked_by_ctrl_break(monkeypatch):
    kernel32, started, sent = Kernel32(), [], []

    class Process:
        pid, _handle = 5, 77

        def __init__(self, command, **options):
            started.append((command, options))

        def send_signal(self, number):
            sent.append(number)

    monkeypatch.setattr(leash.subprocess, "Popen", Process)
    monkeypatch.setattr(leash, "Job", lambda: Job(kernel32))
    held = WindowsLeash()
    part = held.start(["server", "--port", "1"], cwd=None)
    held.ask_to_stop(part)
    held.let_go(part)
    held.let_go(part)  # twice, as when a part ends while it is stopped
    [(command, options)] = started
    assert command == ["server", "--port", "1"]
    assert options["creationflags"] == 0x200  # CREATE_NEW_PROCESS_GROUP: no Ctrl-C, but Ctrl-Break
    assert sent == [1]  # CTRL_BREAK_EVENT
    assert [call[0] for call in kernel32.calls] == ["limit", "add", "close"]


def test_on_windows_a_part_is_ended_where_there_is_no_console(monkeypatch):
    ended = []

    class Process:
        pid = 5

        def send_signal(self, number):
            raise OSError(22, "there is no console")

        def terminate(self):
            ended.append(self.pid)

    WindowsLeash().ask_to_stop(Process())
    assert ended == [5]
