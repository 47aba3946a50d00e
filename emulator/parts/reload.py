"""Restarts the functions when their code changes: `up --reload`.

The folder is polled, since what tells of changes differs between systems, and none does so on all
network and container file systems. New code is loaded in a process of its own first. If it cannot
be, the version that runs stays.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from emulator.console import Console
from emulator.processes import Part
from emulator.source import Source

_LOAD = Path(__file__).with_name("guest") / "load.py"
_POLL = 0.3  # seconds; also how long nothing may change before a restart
_LOAD_SECONDS = 60.0
_LAST_LINES = 12

WATCHED = (".py", ".html", ".json", ".toml", ".txt", ".yaml", ".yml")
"""Suffixes of the files that are watched: code, templates and settings."""

_IGNORED = ("__pycache__", "node_modules")

Snapshot = Mapping[str, tuple[int, int]]
"""Time of change and size, by path."""


@contextmanager
def reloading(
    source: Source,
    targets: Mapping[str, str],
    parts: Sequence[Part],
    renew: Callable[[Sequence[Part]], None],
    console: Console,
    data: Path,
) -> Iterator[None]:
    """Watch the folder of the functions, and restart them after a change.

    Args:
        source: the code.
        targets: Python name of each function, by name of its part.
        parts: that serve the functions.
        renew: restarts parts.
        console: is told what happens.
        data: the data folder, which is not watched.
    """
    stopped = threading.Event()

    def watch() -> None:
        for changed in _changes(source.folder, data, stopped):
            what = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if changed[3:] else "")
            if trouble := _trouble(source, targets, parts, stopped):
                console.say(
                    f"{what} changed, but cannot be loaded. The version before goes on.\n{trouble}"
                )
            elif not stopped.is_set():
                console.say(f"{what} changed: restarting the functions")
                renew(parts)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def snapshot(folder: Path, ignored: Iterable[Path] = ()) -> Snapshot:
    """Return the state of the files in a folder that are watched.

    Hidden files, virtual environments and links to folders are not.
    """
    found: dict[str, tuple[int, int]] = {}
    apart = {str(path.resolve()) for path in ignored}
    folders = [str(folder.resolve())]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as listing:
                entries = list(listing)
        except OSError:
            continue  # deleted meanwhile, or not ours to read
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _IGNORED or entry.path in apart:
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.name.endswith(WATCHED):
                    status = entry.stat()
                    found[entry.path] = (status.st_mtime_ns, status.st_size)
            except OSError:
                continue
    return found


def _changes(folder: Path, data: Path, stopped: threading.Event) -> Iterator[list[str]]:
    """Yield the files that have changed, relative to the folder, once no more do."""
    known = snapshot(folder, [data])
    while not stopped.wait(_POLL):
        now = snapshot(folder, [data])
        if now == known:
            continue
        while not stopped.wait(_POLL) and (later := snapshot(folder, [data])) != now:
            now = later
        changed = {path for path in known.keys() | now.keys() if known.get(path) != now.get(path)}
        known = now
        if changed:  # none has if a file was changed and restored
            yield sorted(os.path.relpath(path, folder.resolve()) for path in changed)


def _trouble(
    source: Source, targets: Mapping[str, str], parts: Sequence[Part], stopped: threading.Event
) -> str:
    """Load every function; return the error of one that cannot be, empty if all can.

    Functions with the same variables are loaded in one process.
    """
    alike: dict[tuple[tuple[str, str], ...], list[Part]] = {}
    for part in parts:
        alike.setdefault(tuple(sorted(part.env.items())), []).append(part)

    def load(parts: Sequence[Part]) -> str:
        names = [targets[part.name] for part in parts]
        command = [str(source.python), str(_LOAD), str(source.file), *names]
        return _output_of_failure(command, source.folder, parts[0].env, stopped)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return next(filter(None, pool.map(load, alike.values())), "")


def _output_of_failure(
    command: Sequence[str], folder: Path, env: Mapping[str, str], stopped: threading.Event
) -> str:
    end = time.monotonic() + _LOAD_SECONDS
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        while True:
            try:
                output, _ = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if stopped.is_set():
                    process.kill()
                elif time.monotonic() > end:
                    process.kill()
                    return f"  It was not loaded after {_LOAD_SECONDS:.0f} seconds."
    if process.returncode == 0 or stopped.is_set():
        return ""
    return "\n".join(f"  {line}" for line in output.rstrip().splitlines()[-_LAST_LINES:])
