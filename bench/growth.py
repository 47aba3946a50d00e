"""Measures whether growth slows QuickThumb down: `.venv/bin/python -m bench.growth`.

First it sends many small pictures to one cloud, and prints for each thousand the time and the
processor time of a picture, and the memory of each process. Time is measured from the first upload
of a thousand to its last thumbnail. Then a fresh cloud takes turns with this one, which shows
whether it has become slower, whatever else the machine does.

Then it fills the data folder of a second cloud with jobs that have ended, and compares that cloud
with an empty one: the two take turns, and it prints medians. Linux only, since it copies the
attributes of files.
"""

import argparse
import io
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests
from PIL import Image

from bench.contestants import quickthumb
from bench.figures import Figures, medians, table
from bench.processes import Processes
from bench.rounds import Client, series
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.data_folder import METADATA
from emulator.ports import answers
from emulator.project import bucket_name
from emulator.topology_file import read_topology
from quickthumb.documents.names import new_id

AT_ONCE = 4
"""Connections from which pictures are uploaded."""

BLOCK = 1000
"""Pictures of a line of the first table."""

WARMING = 100
FEW, ROUNDS = 200, 7
"""Pictures in a round of the comparison, and rounds of each cloud."""

ASKED = 20
"""How often each cloud is asked for the same."""

PATIENCE = 600.0
"""Seconds until an answer must be there."""

DAYS_KEPT = 30
"""The time in which the jobs of a filled folder were done, but for the last two days."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.growth", description=__doc__)
    parser.add_argument(
        "--uploads", type=int, default=20_000, help="in one run; 0: none; default %(default)s"
    )
    parser.add_argument(
        "--kept", type=int, default=100_000, help="jobs in a folder; 0: none; default %(default)s"
    )
    options = parser.parse_args(argv)
    now = datetime.now(UTC)
    print(f"{os.cpu_count()} processors, Python {platform.python_version()}, {now:%Y-%m-%d %H:%M}")
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
        if options.uploads:
            (Path(folder) / "run").mkdir()
            run(Path(folder) / "run", options.uploads)
        if options.kept:
            keep(Path(folder), options.kept)
    return 0


def run(folder: Path, uploads: int) -> None:
    """Upload so many pictures, and print how each thousand went."""
    with quickthumb("embedded", folder) as running:
        client = Client(running, picture())
        parts = {name: Processes(pid) for name, pid in running.pids.items()}
        series(running, client, WARMING, AT_ONCE)
        print(f"\n| pictures | ms | CPU, ms | {' | '.join(f'{each}, MB' for each in parts)} |")
        print("|---" * (len(parts) + 3) + "|")
        done = 0
        while done < uploads:
            count = min(uploads - done, BLOCK - done % BLOCK)
            found = series(running, client, count, AT_ONCE)
            done += count
            cells = [f"{done:,}", f"{found.seconds / count * 1e3:.1f}"]
            cells.append(f"{sum(found.cpu.values()) / count * 1e3:.1f}")
            cells += [f"{part.memory():.0f}" for part in parts.values()]
            print(f"| {' | '.join(cells)} |", flush=True)
        (folder / "fresh").mkdir()
        with quickthumb("embedded", folder / "fresh") as fresh:
            clients = {"fresh": (fresh, Client(fresh, picture())), "aged": (running, client)}
            series(*clients["fresh"], WARMING, AT_ONCE)
            rounds: dict[str, list[Figures]] = {name: [] for name in clients}
            for _ in range(ROUNDS):
                for name, each in clients.items():
                    found = series(*each, FEW, AT_ONCE)
                    used = sum(found.cpu.values()) / FEW
                    rounds[name].append(
                        {"ms a picture": found.seconds / FEW * 1e3, "CPU, ms": used * 1e3}
                    )
        aged = f"after {done:,} pictures"
        print(f"\n{table('', {aged: medians(rounds['aged']), 'fresh': medians(rounds['fresh'])})}")


def keep(folder: Path, jobs: int) -> None:
    """Compare a cloud whose folder holds so many jobs with an empty one, and print medians."""
    with _cloud(folder / "full") as full:
        full.upload()
    started = time.perf_counter()
    fill(folder / "full" / "storage", jobs)
    print(f"\nwrote {jobs:,} jobs in {time.perf_counter() - started:.0f} s", flush=True)
    with _cloud(folder / "empty") as empty, _cloud(folder / "full") as full:
        clouds = {"empty": empty, f"{jobs:,} jobs": full}
        measured = {name: {"start, s": cloud.started} for name, cloud in clouds.items()}
        for name, cloud in clouds.items():
            measured[name] |= _walked(cloud)
        seconds: dict[str, dict[str, list[float]]] = {name: {} for name in clouds}
        for _ in range(ASKED):
            for name, cloud in clouds.items():
                for what, each in cloud.ask().items():
                    seconds[name].setdefault(what, []).append(each)
        for name, found in seconds.items():
            measured[name] |= {f"{what}, ms": median(each) * 1e3 for what, each in found.items()}
    print(f"\n{table('folder', measured)}", flush=True)


median: Callable[[Sequence[float]], float] = statistics.median


@dataclass
class Asked:
    """A cloud whose answers are timed.

    Attributes:
        cloud: it.
        started: how long its start took, seconds.
    """

    cloud: Cloud
    started: float

    def upload(self) -> str:
        """Upload a picture, wait for its thumbnail, and return its id."""
        answer = requests.post(
            self.cloud.addresses.upload, files={"file": picture()}, timeout=PATIENCE
        )
        answer.raise_for_status()
        id: str = answer.json()["id"]
        status = requests.get(self._url(id), {"wait": 30}, timeout=PATIENCE).json()["status"]
        if status != "done":
            raise RuntimeError(f"There is no thumbnail: {id} is {status}")
        return id

    def sweep(self) -> dict[str, Any]:
        """Call the function `sweep` like a schedule; return its report."""
        answer = requests.post(
            self.cloud.addresses.functions["sweep"],
            headers=self.cloud.authorization("sweep"),
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report

    def ask(self) -> dict[str, float]:
        """Return how long some requests take, seconds."""
        ids = list[str]()
        return {
            "upload to thumbnail": _timed(lambda: ids.append(self.upload())),
            "status": _timed(lambda: requests.get(self._url(ids[0]), timeout=PATIENCE)),
            "status of an unknown id": _timed(
                lambda: requests.get(self._url(new_id()), timeout=PATIENCE)
            ),
            "DELETE": _timed(lambda: requests.delete(self._url(ids[0]), timeout=PATIENCE)),
            "sweep": _timed(self.sweep),
        }

    def _url(self, id: str) -> str:
        return f"{self.cloud.addresses.upload}/{id}"


@contextmanager
def _cloud(folder: Path) -> Iterator[Asked]:
    with Path(os.devnull).open("w") as quiet:
        begun = time.perf_counter()
        cloud = Cloud(read_topology(), folder, Console(out=quiet))
        with cloud:
            started = time.perf_counter() - begun
            while not all(answers(urlsplit(url).port or 80) for url in _urls(cloud)):
                time.sleep(0.1)
            yield Asked(cloud, started)


def _urls(cloud: Cloud) -> Collection[str]:
    return cloud.addresses.functions.values()


def _walked(cloud: Asked) -> dict[str, float]:
    """Sweep until the walk over everything has ended; return how long that took."""
    seen, begun = 0, time.perf_counter()
    while True:
        report = cloud.sweep()
        seen += report["seen"]
        if report["next"] is None:
            return {"originals visited": seen, "walk over all, s": time.perf_counter() - begun}


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def fill(storage: Path, jobs: int) -> None:
    """Copy the only job in a storage folder so many times, under other ids."""
    originals, results = (storage / bucket_name(name) for name in ("originals", "processed"))
    [template] = [each.name for each in originals.iterdir() if len(each.name) == 32]
    kept = [
        (file.relative_to(storage), file.read_bytes(), os.getxattr(file, METADATA))
        for file in (originals / template, *(results / template).iterdir())
    ]
    old, end = template.encode(), time.time() - 2 * 24 * 3600
    for number in range(jobs):
        id = new_id(end - (DAYS_KEPT - 2) * 24 * 3600 * number / jobs)
        new = id.encode()
        (results / id).mkdir(mode=0o700)
        for path, content, attribute in kept:
            file = storage / str(path).replace(template, id)
            file.write_bytes(content.replace(old, new))
            os.setxattr(file, METADATA, attribute.replace(old, new))


def picture() -> bytes:
    """Return a small JPEG."""
    noise = np.random.default_rng(7).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
