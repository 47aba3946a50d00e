import io
import os
import signal
import sys
import time

import pytest

from emulator.console import Console
from emulator.errors import PartFailed
from emulator.ports import HOST, answers, free_port, is_free
from emulator.processes import Part, Supervisor
from tests import needs

pytestmark = pytest.mark.slow

SERVER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    time.sleep(1)
"""


def python(code, *arguments):
    return [sys.executable, "-c", code, *arguments]


def server(port, name="server", **options):
    return Part(name, python(SERVER, str(port)), is_ready=lambda: answers(port), **options)


def eventually(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def supervise(log):
    running = []

    def start(*groups, verbose=False):
        console = Console(verbose=verbose, out=log)
        supervisor = Supervisor(groups, console)
        running.append(supervisor)
        supervisor.start(timeout=20)
        return supervisor

    yield start
    for supervisor in running:
        supervisor.stop()


@needs.posix("signals")
def test_parts_are_ready_when_start_returns_and_gone_when_stop_does(supervise):
    port = free_port()
    supervisor = supervise([server(port)])
    assert answers(port)
    pid = supervisor.pids()["server"]
    supervisor.stop()
    assert is_free(port)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@needs.posix("signals")
def test_a_part_that_dies_is_started_again_and_made_ready(supervise, log):
    port, readied = free_port(), []
    supervisor = supervise([server(port, on_ready=lambda: readied.append(1))])
    first = supervisor.pids()["server"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(readied) == 2)
    assert supervisor.pids()["server"] != first
    assert answers(port)
    assert "server | ended with status -9: restarted" in log.getvalue()


@needs.posix("process groups")
def test_a_worker_that_outlives_its_master_does_not_keep_the_port(supervise):
    port = free_port()
    master = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVER!r}, sys.argv[1]])"
    )
    part = Part("master", python(master, str(port)), is_ready=lambda: answers(port))
    supervisor = supervise([part])
    first = supervisor.pids()["master"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids()["master"] != first and answers(port))
    os.kill(supervisor.pids()["master"], signal.SIGKILL)
    supervisor.stop()
    assert is_free(port)


@needs.posix("signals")
def test_a_part_that_nobody_waits_for_is_started_when_the_others_are_ready(supervise, log):
    first, second, made = free_port(), free_port(), []
    late = server(second, "late", awaited=False, on_ready=lambda: made.append(answers(first)))
    supervisor = supervise([late, server(first)])
    assert answers(first)
    eventually(lambda: made == [True])
    os.kill(supervisor.pids()["late"], signal.SIGKILL)
    eventually(lambda: made == [True, True])
    assert "late" in log.getvalue()


def test_an_optional_part_that_cannot_start_is_reported_and_retried(supervise, log):
    broken = Part(
        "broken", python("raise SystemExit('no disk left')"), is_ready=lambda: False, awaited=False
    )
    supervise([server(free_port()), broken])
    eventually(lambda: log.getvalue().count("no disk left") >= 2)


def test_a_part_that_cannot_start_is_told_with_its_last_words_and_the_others_are_stopped(supervise):
    port = free_port()
    broken = Part("broken", python("raise SystemExit('no disk left')"), is_ready=lambda: False)
    with pytest.raises(PartFailed, match=r"broken ended with status 1:\n  no disk left"):
        supervise([server(port), broken])
    assert is_free(port)


def test_parts_that_use_others_are_stopped_first(supervise, tmp_path):
    story = tmp_path / "story"
    ends = """
import signal, sys, time
def end(*_):
    time.sleep(0.2); open(sys.argv[1], "a").write(sys.argv[2]); sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + sys.argv[2], "w").close()
while True: time.sleep(1)
"""

    def part(name):
        ready = tmp_path / f"story{name}"
        return Part(name, python(ends, str(story), name), is_ready=ready.exists)

    supervise([part("f")], [part("s")]).stop()
    assert story.read_text() == "fs"


def test_only_what_matters_is_shown_unless_verbose(supervise, log):
    code = "import time; print('INFO all is well'); print('ERROR no', flush=True); time.sleep(60)"
    part = Part("talker", python(code), is_ready=lambda: True, matters=lambda line: "ERROR" in line)
    supervise([part])
    eventually(lambda: "talker | ERROR no" in log.getvalue())
    assert "all is well" not in log.getvalue()
    supervise([part], verbose=True)
    eventually(lambda: "talker | INFO all is well" in log.getvalue())


@needs.linux("parent death signals")
def test_parts_end_when_the_emulator_is_killed(tmp_path):
    import subprocess

    port = free_port()
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
from tests.unit.test_processes import server
from emulator.console import Console
from emulator.processes import Supervisor
import time
Supervisor([[server({port})]], Console()).start()
print("up", flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout.readline() == "up\n"
        parent.kill()
    eventually(lambda: is_free(port))


def test_a_port_in_use_is_not_free():
    import socket

    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
        assert answers(port)
    assert is_free(port)
    assert not answers(port)


def test_a_part_hears_its_lines_first_and_shows_what_is_left(supervise, log):
    heard = []

    def hear(line):
        heard.append(line)
        return None if line == "secret" else line.upper()

    talk = "print('secret', flush=True); print('said', flush=True); import time; time.sleep(60)"
    supervise(
        [Part("talker", python(talk), is_ready=lambda: len(heard) == 2, hear=hear)], verbose=True
    )
    eventually(lambda: "talker | SAID" in log.getvalue())
    assert "SECRET" not in log.getvalue()
    assert heard == ["secret", "said"]


@needs.posix("signals")
def test_each_end_is_told_and_changes_count_from_the_next_start(supervise, log):
    ends = []
    tell = "import os, time; print(os.environ['COUNT'], flush=True); time.sleep(60)"
    part = Part(
        "counter",
        python(tell),
        is_ready=lambda: True,
        env={"COUNT": "one"},
        matters=lambda line: True,
        on_end=lambda: ends.append(1),
    )
    supervisor = supervise([part])
    eventually(lambda: "counter | one" in log.getvalue())
    supervisor.change("counter", COUNT="two")
    assert supervisor.send("counter", signal.SIGKILL)
    eventually(lambda: "counter | two" in log.getvalue())
    assert ends == [1]
    supervisor.stop()
    assert not supervisor.send("counter", signal.SIGTERM)
