"""The functions in the form in which they are deployed, on the emulator's storage and Pub/Sub.

Like Google Cloud's buildpack for Python, this takes only the folder functions/, installs its
requirements into a separate environment, and starts functions-framework with environment variables:
https://docs.cloud.google.com/docs/buildpacks/python. Unlike it, this uses the current Python, not
the topology's runtime, and the servers only listen on this machine.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.parts.functions import environment
from emulator.ports import HOST, answers, free_port
from emulator.processes import Part
from emulator.topology import Function
from tests.e2e.front_end import FrontEnd
from tests.e2e.started import variables as of_the_platform

_LIMITED = Path(__file__).with_name("limited.py")


def bundle(folder: Path) -> Path:
    """Copy the files of an image of functions/; return their folder."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    return Path(shutil.copytree(ROOT / "functions", folder / "functions", ignore=leave))


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """Make a control group whose processes may hold so many bytes together.

    None where this user cannot make any, which is so but for root and for some containers.
    """
    name = f"quickthumb-{uuid4().hex}"
    for parent, file in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = parent / name
        try:
            group.mkdir()
            (group / file).write_text(str(limit))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        try:
            yield group
        finally:
            _remove(group)
        return
    yield None


def _in_memory() -> Path | None:
    """Return a folder of a file system in memory; None if there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - only the place for a folder of our own
    return folder if os.access(folder, os.W_OK) else None


def limited(memory: int, cpus: int, group: Path | None) -> list[str]:
    """Return the words before a command that run it within limits."""
    return [sys.executable, "-I", "-S", str(_LIMITED), str(memory), str(cpus), str(group or "")]


def _remove(group: Path) -> None:
    """Remove a group whose processes have ended or are about to."""
    for _ in range(200):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return


class DeployedCloud(Cloud):
    """A cloud whose functions run in their deployed form, with one instance and limits each.

    Args:
        arguments: of `Cloud`.
        source: folder of the functions.
        programs: of the environment that they were installed into.
    """

    def __init__(self, *arguments: Any, source: Path, programs: Path) -> None:
        self.front_ends: dict[str, FrontEnd] = {}
        self._source = source
        self._programs = programs
        self._open = contextlib.ExitStack()
        super().__init__(*arguments)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._open.close()

    def function_part(self, name: str, function: Function, instances: int) -> Part:
        port, inside = int(self.addresses.functions[name].rpartition(":")[2]), free_port()
        group = self._open.enter_context(memory_group(function.memory))
        # In the cloud files are kept in memory, and count.
        files = self._open.enter_context(tempfile.TemporaryDirectory(dir=_in_memory()))
        front_end = FrontEnd(port, inside, function.concurrency, function.timeout_seconds)
        self._open.callback(front_end.close)
        self.front_ends[name] = front_end
        variables = {
            **environment(function, self.addresses),
            "THREADS": str(max(2, function.concurrency)),  # as topology.tf has it
            "PATH": f"{self._programs}:/usr/bin:/bin",
            "HOME": str(self._source.parent),
            **of_the_platform(name, function.entry_point, inside),
            "HOST": HOST,
            "TMPDIR": files,
        }
        return Part(
            name,
            [
                *limited(function.memory, function.cpu, group),
                *("env", "-i", *(f"{key}={value}" for key, value in variables.items())),
                *("sh", "-c", f"cd '{self._source}' && exec functions-framework"),
            ],
            is_ready=lambda: answers(inside),
            env=dict(os.environ),
        )
