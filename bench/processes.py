"""CPU time and memory of the processes of a running part; Linux only."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SAMPLE_SECONDS = 0.05


class Processes:
    """Processes of some parts: their own and their descendants, which may be replaced meanwhile."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._peak = 0.0

    @property
    def lasting(self) -> tuple[int, ...]:
        """Ids of the first processes and of their children, none of which may die."""
        return tuple(each for pid in self._pids for each in (pid, *_children(pid)))

    def cpu(self) -> float:
        """Return the CPU time used so far, seconds, including processes that have ended."""
        return sum(_cpu(pid) for pid in self.all())

    def lasting_cpu(self) -> float:
        """Return the CPU time used so far by `lasting` themselves, seconds."""
        return sum(_cpu(pid, ended=False) for pid in self.lasting)

    def memory(self) -> float:
        """Return the memory of all together, MB; shared pages count once."""
        return sum(_memory(pid) for pid in self.all())

    @property
    def peak(self) -> float:
        """Peak memory of all together while watched, MB; shared pages count once."""
        return self._peak

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Sample the memory in the background."""
        over = threading.Event()
        self._peak = 0.0

        def watch() -> None:
            while not over.wait(_SAMPLE_SECONDS):
                self._peak = max(self._peak, self.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def all(self) -> list[int]:
        """Return the ids of all processes that run now."""
        return [each for pid in self._pids for each in (pid, *_descendants(pid))]


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has ended
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):  # so has its thread
                children += map(int, path.read_text().split())
    return children


def _descendants(pid: int) -> list[int]:
    return [each for child in _children(pid) for each in (child, *_descendants(child))]


def _cpu(pid: int, *, ended: bool = True) -> float:
    """Return the CPU time of a process, and of its children that have ended, seconds."""
    with suppress(OSError):
        figures = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, figures[11 : 15 if ended else 13])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _memory(pid: int) -> float:
    """Return the proportional set size of a process, MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
