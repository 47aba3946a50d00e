"""Starts processes that belong together, restarts those that die, and stops them all."""

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulator.bootstrap import ROOT
from emulator.console import Console
from emulator.errors import PartFailed
from emulator.leash import leash

_POLL = 0.02  # seconds
_GRACE = 12.0  # seconds a part has to stop
_LONGEST_PAUSE = 5.0  # seconds between two starts of a part that keeps dying


def with_emulator() -> dict[str, str]:
    """Return the variable that lets a Python process import the emulator from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


@dataclass(frozen=True)
class Part:
    """A process of the local cloud.

    Attributes:
        name: shown in front of its log lines.
        command: what to run.
        is_ready: returns whether it takes requests.
        env: variables in addition to those of this process.
        folder: where to run it; None runs it in the current folder.
        before: called before every start, to repair what the last run left; returns lines to show.
        on_ready: called after every start once it is ready, to recreate what is not persistent.
        matters: returns whether to show a log line when not verbose.
        hear: gets each line first; returns what it says to people, None if nothing.
        on_end: called after every end of the process.
        awaited: whether the start of the cloud waits for it. Other parts are started last, to leave
            the processors to those that are awaited.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    before: Callable[[], Sequence[str]] = tuple
    on_ready: Callable[[], None] = lambda: None
    matters: Callable[[str], bool] = lambda line: False  # noqa: ARG005
    hear: Callable[[str], str | None] = lambda line: line
    on_end: Callable[[], None] = lambda: None
    awaited: bool = True


@dataclass(frozen=True)
class Run:
    """One run of a process, and the thread that reads what it prints."""

    popen: subprocess.Popen[str]
    reader: threading.Thread


class Process:
    """The process of a part, running or not."""

    def __init__(self, part: Part, console: Console) -> None:
        self.part = part
        self._console = console
        self._leash = leash()
        self._last_lines = deque[str](maxlen=15)
        self._run: Run | None = None
        self.changes: dict[str, str] = {}
        """Variables for the next start, instead of those of the part."""
        self.to_renew = threading.Event()
        """Set while it is stopped in order to be started anew."""

    def start(self) -> None:
        """Start the process, which ends when this one does."""
        self._last_lines.clear()
        for line in self.part.before():
            self._console.line(self.part.name, line)
        popen = self._leash.start(
            self.part.command,
            cwd=self.part.folder,
            # Its lines are UTF-8 on Windows too.
            env={"PYTHONUTF8": "1", **os.environ, **self.part.env, **self.changes},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        reader = threading.Thread(target=self._read, args=(popen,), daemon=True)
        reader.start()
        self._run = Run(popen, reader)

    def _read(self, popen: subprocess.Popen[str]) -> None:
        assert popen.stdout is not None  # noqa: S101 - because of PIPE
        with popen.stdout:
            for line in map(self.part.hear, map(str.rstrip, popen.stdout)):
                if line is None:
                    continue
                self._last_lines.append(line)
                if self._console.verbose or self.part.matters(line):
                    self._console.line(self.part.name, line)

    @property
    def pid(self) -> int | None:
        """The id of the process, None before the first start."""
        return self._run.popen.pid if self._run else None

    def wait(self, timeout: float | None = None, run: Run | None = None) -> int | None:
        """Wait until a run ends, and return its exit status; after `timeout` seconds, kill it.

        By default it is the latest run, but another thread may start the next one meanwhile.
        Children that are left are killed, such as workers, which would keep the port.
        """
        run = run or self._run
        if not run:
            return None
        popen = run.popen
        try:
            status = popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self._console.line(self.part.name, "did not stop: killed")
            popen.kill()
            status = popen.wait()
        self._leash.let_go(popen)
        run.reader.join(timeout=1)
        self.part.on_end()
        return status

    def exit_status(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._run.popen.poll() if self._run else None

    def last_lines(self) -> str:
        """Return the end of its log."""
        if self._run and self.exit_status() is not None:
            self._run.reader.join(timeout=1)
        return "\n".join(f"  {line}" for line in self._last_lines)

    def becomes_ready(self) -> bool:
        """Return whether it takes requests; if so, call `on_ready`."""
        if self.part.is_ready():
            self.part.on_ready()
            return True
        return False

    def ask_to_stop(self) -> Run | None:
        """Ask it to end; return the run that will."""
        run = self._run
        if run:
            self._leash.ask_to_stop(run.popen)
        return run


class Supervisor:
    """Keeps parts running.

    Args:
        groups: parts in the order in which they are stopped, dependents first.
        console: receives their log lines.
    """

    def __init__(self, groups: Sequence[Sequence[Part]], console: Console) -> None:
        self._groups = [[Process(part, console) for part in group] for group in groups]
        self._console = console
        console.introduce([process.part.name for process in self._processes()])
        self._stopping = threading.Event()

    def start(self, timeout: float = 60.0) -> None:
        """Start every part; return when those that are awaited are ready.

        Raises:
            PartFailed: one ended or was not ready after `timeout` seconds; all are stopped.
        """
        processes = self._processes()
        awaited = [process for process in processes if process.part.awaited]
        others = [process for process in processes if not process.part.awaited]
        try:
            for process in awaited:
                process.start()
            deadline = time.monotonic() + timeout
            waiting = awaited
            while waiting := [process for process in waiting if not self._became_ready(process)]:
                if time.monotonic() > deadline:
                    raise _failure(waiting[0], f"was not ready after {timeout:.0f} seconds")
                time.sleep(_POLL)
            for process in others:
                process.start()
        except BaseException:
            self.stop()
            raise
        for process in processes:
            threading.Thread(target=self._keep, args=(process,), daemon=True).start()

    def _became_ready(self, process: Process) -> bool:
        status = process.exit_status()
        if status is not None:
            raise _failure(process, f"ended with status {status}")
        return process.becomes_ready()

    def _keep(self, process: Process) -> None:
        """Restart a part whenever it dies, until all are stopped."""
        if not process.part.awaited:
            self._wait_ready(process)
        pause = 0.0
        while True:
            started = time.monotonic()
            status = process.wait()
            lived = time.monotonic() - started
            pause = 0.0 if lived > _LONGEST_PAUSE else min(max(0.2, pause * 2), _LONGEST_PAUSE)
            renewed = process.to_renew.is_set()
            if renewed:
                process.to_renew.clear()
                pause = 0.0
            if self._stopping.wait(pause):
                return
            if not renewed:
                self._console.line(process.part.name, f"ended with status {status}: restarted")
                if lines := process.last_lines():
                    self._console.say(lines)
            process.start()
            if self._wait_ready(process) and renewed:
                self._console.line(process.part.name, "runs the new version")

    def _wait_ready(self, process: Process) -> bool:
        """Wait until a part is ready or dies; return whether it is ready."""
        while process.exit_status() is None and not self._stopping.wait(_POLL):
            try:
                if process.becomes_ready():
                    return True
            except Exception as error:  # of any kind: this thread must keep watching
                self._console.line(process.part.name, f"is not ready yet: {error}")
                self._stopping.wait(1)
        return False

    def renew(self, parts: Collection[Part]) -> None:
        """Stop parts and start them anew, as after a change of their code.

        Returns when they have been stopped.
        """
        processes = [process for process in self._processes() if process.part in parts]
        for process in processes:
            process.to_renew.set()
        self._end(processes)

    def _processes(self) -> list[Process]:
        return [process for group in self._groups for process in group]

    def change(self, name: str, **variables: str) -> None:
        """Set variables of a part from its next start on."""
        self._process(name).changes.update(variables)

    def send(self, name: str, number: int) -> bool:
        """Send a signal to a part; return False if it does not run."""
        process = self._process(name)
        if process.pid is None or process.exit_status() is not None:
            return False
        os.kill(process.pid, number)
        return True

    def _process(self, name: str) -> Process:
        return next(each for each in self._processes() if each.part.name == name)

    def pids(self) -> dict[str, int | None]:
        """Return the process ids by name of part."""
        return {process.part.name: process.pid for process in self._processes()}

    def stop(self) -> None:
        """Stop every part, dependents first. May be called twice."""
        self._stopping.set()
        for group in self._groups:
            self._end(group)

    def _end(self, processes: Sequence[Process]) -> None:
        """Stop processes; kill those that take too long."""
        ending = [(process, process.ask_to_stop()) for process in processes]
        deadline = time.monotonic() + _GRACE
        for process, run in ending:
            process.wait(max(0.0, deadline - time.monotonic()), run)


def _failure(process: Process, what: str) -> PartFailed:
    return PartFailed(f"{process.part.name} {what}:\n{process.last_lines()}")
