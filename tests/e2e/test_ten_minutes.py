"""docs/ten-minutes.md from top to bottom: what one types, what one sees, what it shows."""

import re
import shlex
import signal
import subprocess
from contextlib import ExitStack

import pytest
import requests

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from tests import needs
from tests.documents import commands_in
from tests.e2e.commands import COMMAND, from_anywhere, up
from tests.e2e.conftest import BROKERS, need
from tests.e2e.test_controls import Steered, wait_until

DOCUMENT = ROOT / "docs" / "ten-minutes.md"
ID = re.compile(r"\b9c72[0-9a-f]{28}\b")
STEPS = re.split(r"^## (?=\d)", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
ADDRESS = "http://127.0.0.1:8080"
EMULATOR = "python3 -m emulator "


class Learner:
    """Types the commands of the document, in three terminals.

    Attributes:
        ids: of the document, and what they are here.
    """

    def __init__(self, folder, broker) -> None:
        self.broker = broker
        self.ids = {}
        self._folder = folder
        self._data = folder / "data"
        self._port = free_port()
        self._first = self._third = ExitStack()
        self.steered = None

    def close(self) -> None:
        self._third.close()
        self._first.close()

    def types(self, command) -> str:
        """Type a command of the document; return what it prints, once that is what is shown."""
        shown = command.output
        if command.line.startswith(f"{EMULATOR}up"):
            return self._up(command.line.split()[4:])
        if command.line.startswith(f"{EMULATOR}watch"):
            return self._watch()
        if command.line.startswith((f"{EMULATOR}status", f"{EMULATOR}queue")):
            # What the broker does not tell is not there to be seen.
            if self.broker == "official":
                return self._printed(command.line)
            return wait_until(
                lambda: alike(shown, text := self._printed(command.line)) and text,
                seen=lambda: f"{command.line}\n{self._printed(command.line)}",
            )
        text = self._printed(command.line)
        assert not shown or alike(shown, text), f"{command.line}\n{text}"
        for old, new in zip(ID.findall(shown), ids_in(text), strict=False):
            self.ids.setdefault(old, new)
        return text

    def sees(self, text) -> None:
        """Wait until the third terminal shows lines like those of the document, in any order."""
        lines = text.splitlines()
        if self.broker == "official":
            lines = [line for line in lines if not any(each in line for each in UNTOLD)]
        for line in lines:
            wait_until(lambda line=line: any(alike(line, each) for each in self.watched()))

    def watched(self) -> list[str]:
        return (self._folder / "watch.log").read_text().splitlines()

    def has_ended(self, id) -> bool:
        url = f"http://127.0.0.1:{self._port}/{id}"
        return requests.get(url, timeout=60).json()["status"] != "queued"

    def _up(self, options) -> str:
        self._third.close()
        if self.steered:
            assert self.steered.up.stop(signal.SIGINT) == 0
        self._first.close()
        self._first = ExitStack()
        arguments = ("--port", self._port, "--pubsub", self.broker, *options)
        running = self._first.enter_context(up(self._folder, *arguments))
        self.steered = Steered(running, self.broker)
        return running.log

    def _watch(self) -> str:
        self._third = ExitStack()
        command = [*COMMAND, "watch", "--data", str(self._data)]
        with (self._folder / "watch.log").open("w") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=from_anywhere(), stdout=out, stderr=out
            )
        self._third.enter_context(process)
        self._third.callback(process.terminate)
        wait_until(lambda: any(line.startswith("Watching") for line in self.watched()))
        return ""

    def _printed(self, line) -> str:
        for old, new in self.ids.items():
            line = line.replace(old, new)
        line = line.replace(ADDRESS, f"http://127.0.0.1:{self._port}")
        if self.broker == "official":
            line = line.replace("seq 40", "seq 6")  # two at a time
        if line.startswith(EMULATOR):
            line = shlex.join([*COMMAND, *line.split()[3:], "--data", str(self._data)])
            line = f"PYTHONPATH={shlex.quote(str(ROOT))} {line}"
        line = line.replace("file=@", f"file=@{ROOT}/")
        result = subprocess.run(
            ["bash", "-c", line],  # noqa: S607 - the shell that is on the PATH
            cwd=self._folder,
            env=from_anywhere(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        return result.stdout.strip()


def ids_in(text) -> list[str]:
    return re.findall(r"\b[0-9a-f]{32}\b", text)


def alike(shown, text) -> bool:
    """Return whether a text has the lines that are shown, but for ids, numbers, times and widths.

    The order of lines in a table may be another.
    """
    parts = [re.escape(part) for part in plain(shown).split("…")]
    return re.fullmatch(".*".join(parts), plain(text)) is not None


def plain(text) -> str:
    text = re.sub(r"\b[0-9a-f]{32}\b", "ID", text)
    text = re.sub(r"\d\d:\d\d:\d\d|\b\d+ (?:s|min)\b|(?<= )-(?= |$)", "T", text, flags=re.MULTILINE)
    text = re.sub(r"\d[\d.,]*", "N", text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "\n".join(sorted(lines))


def busy(learner) -> int:
    """Return how many jobs are being done."""
    instances = learner.steered.function("resize")["instances"]
    return sum(len(each["running"]) for each in instances)


def rail(learner):
    return learner.steered.subscription("resize")


def nothing_is_left(learner) -> bool:
    state = rail(learner)
    return state["waiting"] == state["in_flight"] == 0


def done(learner, id) -> int:
    """Return how often the third terminal has shown that the job of an upload is done."""
    return sum(f"{id} done: " in line for line in learner.watched())


WITHOUT = {"official": (6, 8, 9)}
"""Steps that are not for Google's emulator: it pushes two at a time, and keeps messages in memory.
Its poison is in test_controls.py."""

UNTOLD = ("published", "waits ")
"""Lines of `watch` that need what only the embedded broker tells."""


@pytest.fixture(params=BROKERS)
def learner(request, tmp_path):
    need(request.param)
    learner = Learner(tmp_path, request.param)
    yield learner
    learner.close()


@needs.bash
def test_the_ten_minutes_are_as_the_document_says(learner):
    for number, step in enumerate(STEPS, 1):
        if number not in WITHOUT.get(learner.broker, ()):
            walk(learner, number, step)


def walk(learner, number, step) -> None:
    """Do what a step says, from top to bottom, and see what it shows."""
    said = []
    for kind, block in re.findall(r"^```(console)?\n(.*?)^```", step, re.DOTALL | re.MULTILINE):
        if not kind:
            learner.sees(block)
            continue
        for command in commands_in(f"```console\n{block}```", DOCUMENT):
            before(learner, command.line)
            said.append(learner.types(command))
            after(learner, command.line, said)
    CHECKS.get(number, lambda *_: None)(learner, said)


def before(learner, line) -> None:
    """Wait for what a learner would wait for."""
    if "?wait=" in line:  # for longer than 20 seconds, on a busy machine
        id = learner.ids[ID.search(line).group()]
        wait_until(lambda: learner.has_ended(id), 120)
    if " kill " in line:
        wait_until(lambda: busy(learner))
    if line.endswith(" pause resize") and learner.broker == "embedded":
        wait_until(lambda: nothing_is_left(learner), 120)


def after(learner, line, said) -> None:
    if " redeliver " in line:
        id = learner.ids[line.split()[-1]]
        wait_until(lambda: done(learner, id) == 2)
    if " scale " in line:
        wait_until(lambda: busy(learner) > 10)  # more than one instance takes


def waited_for_nothing(learner, said) -> None:
    assert "\n202 after " in said[0]
    assert said[1].startswith("200 after ")


def all_wait(learner, said) -> None:
    if learner.broker == "embedded":
        assert rail(learner)["waiting"] == 40


def nothing_was_lost(learner, said) -> None:
    wait_until(lambda: nothing_is_left(learner))
    assert learner.steered.function("resize")["counts"]["done"] == 10
    assert rail(learner)["dead"] == 0


def the_same_twice(learner, said) -> None:
    assert set(ids_in(said[0])) == set(ids_in(said[1]))


CHECKS = {2: waited_for_nothing, 4: all_wait, 8: nothing_was_lost, 10: the_same_twice}
"""What a step shows beyond what it prints."""
