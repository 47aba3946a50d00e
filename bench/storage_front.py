"""Measures the overhead of the front of the storage server for put and get of 0.8 MB, and stat.

    .venv/bin/python -m bench.storage_front

The client is google-cloud-storage over persistent connections. Rounds with and
without the front are interleaved, so that other load affects them equally. The CPU time is that of
the front's process alone (Linux only).
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from emulator.console import Console
from emulator.parts.storage import storage_parts
from emulator.ports import HOST, free_port
from emulator.processes import Supervisor

ROUNDS = 8
DATA = os.urandom(800_000)
BUCKET = "measured"
TICKS = os.sysconf("SC_CLK_TCK")

OPERATIONS: dict[str, tuple[Callable[[Any], object], int]] = {
    "put 0.8 MB": (lambda bucket: bucket.blob("a").upload_from_string(DATA), 50),
    "get 0.8 MB": (lambda bucket: bucket.blob("a").download_as_bytes(), 100),
    "stat": (lambda bucket: bucket.get_blob("a"), 300),
}


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ways = {
            "front, hidden address": _start(Path(folder) / "plain", None),
            "front, TLS": _start(Path(folder) / "tls", HOST),
        }
        try:
            _measure(ways)
        finally:
            for supervisor, _, _ in ways.values():
                supervisor.stop()


def _start(data: Path, hidden: str | None) -> tuple[Supervisor, str, str]:
    """Return the running cloud, the URL of the front, and that of the server behind it."""
    port = free_port()
    parts = storage_parts(data, port, (BUCKET,), hidden=hidden)
    command = list(parts[0].command)
    host, behind = (command[command.index(option) + 1] for option in ("-host", "-port"))
    supervisor = Supervisor([parts], Console(out=StringIO()))
    supervisor.start()
    return supervisor, f"http://{HOST}:{port}", f"http://{host}:{behind}"


def _measure(ways: dict[str, tuple[Supervisor, str, str]]) -> None:
    plain, *_ = ways.values()
    clients: dict[str, tuple[storage.Bucket, int | None]] = {"straight": (_bucket(plain[2]), None)}
    for name, (supervisor, url, _) in ways.items():
        clients[name] = (_bucket(url), supervisor.pids()["front"])
    print(f"| {'':12} | {'way':28} | ms | front's CPU, ms |\n|---|---|---|---|")
    for operation, (call, count) in OPERATIONS.items():
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
        for _ in range(ROUNDS):
            for name, (bucket, pid) in clients.items():
                taken[name].append(_round(call, bucket, count, pid))
        for name, rounds in taken.items():
            wall = statistics.median(wall for wall, _ in rounds)
            cpu = statistics.mean(cpu for _, cpu in rounds)
            print(f"| {operation:12} | {name:28} | {wall:.2f} | {cpu:.2f} |")


def _round(
    call: Callable[[Any], object], bucket: storage.Bucket, count: int, pid: int | None
) -> tuple[float, float]:
    """Return the time of a call, and its CPU time in the front, milliseconds."""
    call(bucket)
    before, started = _cpu(pid), time.perf_counter()
    for _ in range(count):
        call(bucket)
    wall = time.perf_counter() - started
    return wall / count * 1000, (_cpu(pid) - before) / count * 1000


def _cpu(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _bucket(url: str) -> storage.Bucket:
    os.environ["STORAGE_EMULATOR_HOST"] = url
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return storage.Client(project="p", credentials=credentials).bucket(BUCKET)


if __name__ == "__main__":
    main()
