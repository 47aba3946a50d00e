"""What happens if a picture ends its child: to the picture, the child and others."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import Kitchen, child, job
from quickthumb.kitchen.child import GRACE
from quickthumb.limits import Limits
from quickthumb.problems import Corrupt, DecoderCrashed, TooManyPixels, TooSlow, Unavailable
from tests import needs
from tests.unit.kitchen.cooks import BABBLE, NATIVE, OBEDIENT
from tests.unit.kitchen.pictures import OF_DECODER

ROOT = Path(__file__).parents[3]
RENDITIONS = (Rendition.square(8),)
LONG = 20.0
"""Seconds after which a test has failed; nothing here takes a tenth of it on an idle machine."""

needs_posix = needs.posix("signals and limits")
pytestmark = [needs_posix, pytest.mark.slow]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds; tell whether it does."""
    end = time.monotonic() + LONG
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


class Obedient(Kitchen):
    """A kitchen whose children do what a picture says."""

    def __init__(self, children: int = 1, **limits: float) -> None:
        super().__init__(Limits(**limits), children, cook=OBEDIENT)

    def ask(self, command: str) -> object:
        [picture] = self.render(command.encode(), RENDITIONS).thumbnails
        return json.loads(picture.data)


@pytest.fixture
def kitchen() -> Iterator[Obedient]:
    kitchen = Obedient()
    yield kitchen
    kitchen.close()


@pytest.fixture
def quick() -> Iterator[Obedient]:
    """A kitchen that is out of patience soon."""
    kitchen = Obedient(max_seconds=0.2)
    yield kitchen
    kitchen.close()


@needs.linux("/proc")
@pytest.mark.parametrize("how", ["asleep", "spinning"])
@pytest.mark.parametrize("decoder", NATIVE)
def test_a_decoder_that_never_comes_back_ends_with_the_deadline(decoder, how):
    limits = Limits(max_seconds=0.5)
    kitchen = Kitchen(limits, cook=("tests.unit.kitchen.cooks", "hang", decoder, how))
    data, renditions = OF_DECODER[decoder]()
    kitchen.warm()
    [stuck] = kitchen.idle
    stuck.wait_ready()
    started = time.monotonic()
    with pytest.raises(TooSlow, match=r"longer than 0.5 seconds"):
        kitchen.render(data, renditions)
    assert not alive(stuck.pid)  # so it was not the child that has given up
    assert time.monotonic() - started < LONG
    kitchen.close()


def test_what_is_granted_after_the_deadline_is_less_than_a_second():
    assert 0 < GRACE < 1


CRASHES = ["segfault", "abort", "exit 0", "exit 3", "die 9", "raise_a_bug"]


@pytest.mark.parametrize("command", CRASHES + [f"babble {what}" for what in BABBLE])
def test_a_picture_that_ends_a_fresh_child_has_failed_at_once(command, kitchen):
    with pytest.raises(DecoderCrashed, match="decoder crashed on this picture") as error:
        kitchen.ask(command)
    assert error.value.code == "decoder-crashed"
    assert isinstance(kitchen.ask("pid"), int)  # the next one has a child


@pytest.mark.parametrize("command", CRASHES)
def test_so_has_one_that_ends_it_while_it_is_opened(command, kitchen):
    with pytest.raises(DecoderCrashed):
        kitchen.ask(f"early {command}")
    first = kitchen.ask("pid")
    with pytest.raises(DecoderCrashed):
        kitchen.ask(f"early {command}")
    assert kitchen.ask("pid") != first


@pytest.mark.parametrize("command", ["spin", "sleep 60", "spin_without_alarm"])
def test_a_child_that_is_late_while_it_opens_a_picture_is_killed(command, quick):
    with pytest.raises(TooSlow, match=r"longer than 0.2 seconds"):
        quick.ask(f"early {command}")
    assert isinstance(quick.ask("pid"), int)


@pytest.mark.parametrize("command", CRASHES)
def test_a_picture_that_ends_a_child_that_has_served_is_tried_in_a_fresh_one(command, kitchen):
    first = kitchen.ask("pid")
    with pytest.raises(DecoderCrashed):
        kitchen.ask(command)
    assert kitchen.ask("pid") != first


@pytest.mark.parametrize("command", ["crash_when_damaged", "eat_when_damaged"])
def test_a_picture_is_not_affected_by_an_earlier_one(command, kitchen):
    first = kitchen.ask("pid")
    assert kitchen.ask(command) != first


def test_a_child_that_has_refused_a_picture_goes_on(kitchen):
    first = kitchen.ask("pid")
    with pytest.raises(Corrupt, match=r"^it is broken$"):
        kitchen.ask("refuse")
    assert kitchen.ask("pid") == first


def test_a_crash_is_logged_with_its_last_words_as_data(kitchen, caplog):
    with pytest.raises(DecoderCrashed):
        kitchen.ask("chatter_and_die")
    [line] = [record.getMessage() for record in caplog.records]
    assert "killed by SIGABRT" in line
    assert "noise" in line
    assert line.isprintable()
    assert len(line) < 1000


def test_where_it_crashed_is_among_the_last_words(kitchen, caplog):
    with pytest.raises(DecoderCrashed):
        kitchen.ask("raise_a_bug")
    assert "ended with status 1" in caplog.text
    assert "in raise_a_bug" in caplog.text
    assert "a fault of ours" in caplog.text


def test_what_a_child_writes_is_neither_an_answer_nor_kept(kitchen):
    first = kitchen.ask("pid")
    assert kitchen.ask("chatter 3000") == first


def test_memory_is_limited(kitchen):
    with pytest.raises(TooManyPixels, match="more memory than the limit"):
        kitchen.ask("eat")
    assert isinstance(kitchen.ask("pid"), int)


def test_what_thumbnails_weigh_together_is_limited():
    kitchen = Obedient(max_result_bytes=2_000_000)
    assert kitchen.ask("weigh 1900000")
    with pytest.raises(TooManyPixels, match=r"3 MB in total: the limit is 2 MB"):
        kitchen.ask("weigh 3000000")
    kitchen.close()


@pytest.mark.parametrize("command", ["spin", "sleep 60", "spin_without_alarm"])
def test_a_late_child_is_killed_and_the_next_job_is_served(command, quick):
    with pytest.raises(TooSlow, match=r"longer than 0.2 seconds"):
        quick.ask(command)
    assert isinstance(quick.ask("pid"), int)


def test_a_picture_that_others_keep_waiting_is_not_too_slow():
    kitchen = Obedient(max_seconds=2.0)
    assert isinstance(kitchen.ask("sleep 2.2"), int)
    kitchen.close()


def test_a_second_attempt_has_what_is_left_of_the_time():
    kitchen = Obedient(max_seconds=0.7)
    kitchen.ask("pid")
    with pytest.raises(TooSlow, match=r"longer than 0.7 seconds"):
        kitchen.ask("sleep_then_crash_when_damaged")
    kitchen.close()


@needs.posix("signals")
@pytest.mark.parametrize("served", [True, False], ids=["served", "fresh"])
def test_a_child_that_is_killed_while_it_is_idle_is_replaced(served, kitchen):
    if served:
        kitchen.ask("pid")
    kitchen.warm()
    [idle] = kitchen.idle
    idle.wait_ready()
    os.kill(idle.pid, signal.SIGKILL)
    assert until(lambda: not alive(idle.pid))
    assert kitchen.ask("pid") != idle.pid


@needs.posix("signals")
def test_a_child_that_is_killed_at_work_after_others_is_replaced(kitchen):
    first = kitchen.ask("pid")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(kitchen.ask, "sleep_when_damaged")
        assert until(lambda: not kitchen.places.free)
        os.kill(first, signal.SIGKILL)
        assert asked.result(LONG) != first


@needs.posix("signals")
def test_as_many_pictures_are_decoded_at_once_as_there_may_be_children():
    kitchen = Obedient(children=2)
    with ThreadPoolExecutor(2) as pool:
        both = set(pool.map(kitchen.ask, ["sleep 0.5"] * 2))
        assert len(both) == 2
        hanging = pool.submit(kitchen.ask, "sleep_when_damaged")
        assert until(lambda: kitchen.places.free == 1)
        [free] = {kitchen.ask("pid") for _ in range(3)}  # while the other hangs
        assert not hanging.done()
        [stuck] = both - {free}
        os.kill(stuck, signal.SIGKILL)
        assert hanging.result(LONG) not in both
    kitchen.close()


def test_a_job_waits_while_all_children_are_busy(kitchen):
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(kitchen.ask, ["pid"] * 40))) == 1


@needs.posix("signals")
def test_waiting_too_long_for_a_child_is_unavailable(kitchen, monkeypatch):
    monkeypatch.setattr(job, "PATIENCE", 0.05)
    first = kitchen.ask("pid")
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(kitchen.ask, "sleep_when_damaged")
        assert until(lambda: not kitchen.places.free)
        with pytest.raises(Unavailable, match="QUICKTHUMB_DECODERS"):
            kitchen.ask("pid")
        os.kill(first, signal.SIGKILL)
        assert hanging.result(LONG) != first


def test_warming_starts_no_more_children_than_there_may_be(kitchen):
    for _ in range(3):
        kitchen.warm()
    assert len(kitchen.idle) == 1
    [first] = kitchen.idle
    assert kitchen.ask("pid") == first.pid
    kitchen.warm()
    assert kitchen.idle == [first]


def test_the_process_that_waits_does_other_things_meanwhile(quick):
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(quick.ask, "spin")
        turns = 0
        while not hanging.done():
            turns += 1
            time.sleep(0.001)
    assert turns > 20
    with pytest.raises(TooSlow):
        hanging.result()


def test_a_child_has_no_files_no_network_and_no_environment(kitchen, tmp_path):
    file = tmp_path / "secret"
    file.write_text("secret")
    assert kitchen.ask(f"open {file}") == "OSError 24"  # EMFILE
    assert kitchen.ask("connect") == "OSError 24"
    assert kitchen.ask("pipe") == "OSError 24"
    surroundings = kitchen.ask("surroundings")
    allowed = {"LD_LIBRARY_PATH", "LC_CTYPE", "PYTHONHOME"}
    assert {name for name in surroundings.pop("variables") if "MALLOC" not in name} <= allowed
    assert surroundings == {"folder": "/", "session": True, "arguments": []}


@needs.posix("signals")
def test_a_signal_that_asks_a_child_to_stop_does_not(kitchen):
    first = kitchen.ask("pid")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(first, number)
    assert kitchen.ask("pid") == first


@needs.linux("/proc")
def test_nothing_is_left_of_many_jobs(kitchen):
    kitchen.ask("pid")
    files, processes = open_files(), children_of(os.getpid())
    for count in range(200):
        if count % 20 == 19:
            with pytest.raises(DecoderCrashed):
                kitchen.ask("abort")
        else:
            kitchen.ask("pid")
    kitchen.ask("pid")
    assert open_files() == files
    assert len(children_of(os.getpid())) == len(processes)


@needs.linux("/proc")
def test_nothing_is_left_when_it_is_closed():
    files, others = open_files(), children_of(os.getpid())
    kitchen = Obedient(children=2)
    with ThreadPoolExecutor(2) as pool:
        working = pool.submit(kitchen.ask, "sleep 1")
        assert until(lambda: kitchen.places.free == 1)
        idle = kitchen.ask("pid")
        kitchen.close()
        assert not Path(f"/proc/{idle}").exists()
        assert working.result(LONG) != idle
    assert open_files() == files
    assert children_of(os.getpid()) == others


@needs.linux("/proc")
@pytest.mark.parametrize("command", ["sleep 60", "sleep_without_leash 60"])
def test_a_child_does_not_outlive_its_parent(command):
    """Not even in the middle of a job; without a leash it ends with its own time limit."""
    code = (
        "import sys, threading\n"
        "from tests.unit.kitchen.test_kitchen import Obedient\n"
        "kitchen = Obedient(max_seconds=1)\n"
        "print(kitchen.ask('pid'), flush=True)\n"
        "kitchen.ask(sys.argv[1])\n"
    )
    path = os.pathsep.join((str(ROOT), str(ROOT / "functions")))
    with subprocess.Popen(
        [sys.executable, "-c", code, command],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        time.sleep(0.2)  # so that the job has begun, most times; it ends in any case
        parent.kill()
    assert until(lambda: not alive(pid))


@needs.linux("/proc")
def test_an_idle_child_ends_when_its_parent_is_killed():
    code = (
        "import time\n"
        "from tests.unit.kitchen.test_kitchen import Obedient\n"
        "print(Obedient().ask('pid'), flush=True)\n"
        "time.sleep(60)\n"
    )
    path = os.pathsep.join((str(ROOT), str(ROOT / "functions")))
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert until(lambda: not alive(pid))


@needs.linux("/proc")
def test_a_failure_to_start_a_process_is_reported(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    kitchen, files = Obedient(), open_files()
    for attempt in (kitchen.warm, lambda: kitchen.ask("pid")):
        with pytest.raises(Unavailable, match=r"Cannot start a process.*more memory"):
            attempt()
    assert open_files() == files
    monkeypatch.undo()
    assert kitchen.ask("pid")
    kitchen.close()


def test_a_child_that_ends_during_startup_is_reported():
    kitchen = Kitchen(Limits(), cook=("no.such.module", "main"))
    with pytest.raises(Unavailable, match=r"requirements.txt") as error:
        kitchen.render(b"", RENDITIONS)
    assert "No module named" in str(error.value)
    kitchen.close()


@needs.linux("/proc")
def test_a_child_that_is_not_ready_in_time_is_reported(monkeypatch):
    monkeypatch.setattr(child, "START_SECONDS", 0.05)
    others = children_of(os.getpid())
    kitchen = Kitchen(Limits(), cook=("tests.unit.kitchen.cooks", "never_ready"))
    with pytest.raises(Unavailable, match=r"not ready after 0.05 seconds"):
        kitchen.render(b"", RENDITIONS)
    assert children_of(os.getpid()) == others
    kitchen.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())
