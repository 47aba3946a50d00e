"""Who takes pictures and makes thumbnails: QuickThumb, and FastAPI with RQ (see `bench/peers`)."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.errors import OfficialEmulatorMissing
from emulator.parts.pubsub import Broker, official_command
from emulator.parts.storage import storage_parts
from emulator.ports import HOST, answers, free_port
from emulator.processes import Part, Supervisor
from emulator.project import bucket_name
from emulator.topology_file import read_topology
from tests.environments import environment

PEERS = Path(__file__).with_name("peers")
WORKERS = 2
"""How many make thumbnails: one for each processor of the machine on which we compare."""


@dataclass(frozen=True, slots=True)
class Running:
    """A contestant that takes pictures.

    Attributes:
        port: where, on this machine.
        upload: path to which a picture is posted, as a form with `file`.
        status: path at which a job can be asked for, before its id and `query`.
        query: what follows the id, to be answered as soon as the job has ended, if it can be.
        done: the status of a job whose thumbnail is there.
        thumbnails: the folder where they lie in the end, also those of a bucket.
        pids: its processes by the names of its parts.
    """

    port: int
    upload: str
    status: str
    query: str
    done: str
    thumbnails: Path
    pids: Mapping[str, int]


Contestant = Callable[[Path], AbstractContextManager[Running]]
"""Starts in an empty folder, and stops at the end."""


@contextmanager
def quickthumb(broker: Broker, folder: Path) -> Iterator[Running]:
    """Run the local cloud."""
    with Path(os.devnull).open("w") as quiet:
        cloud = Cloud(read_topology(), folder, Console(out=quiet), broker=broker)
        with cloud:
            port = int(cloud.addresses.upload.rpartition(":")[2])
            thumbnails = folder / "storage" / bucket_name("processed")
            pids = _started(cloud.pids())
            yield Running(port, "/", "/", "?wait=20", "done", thumbnails, pids)


@contextmanager
def rq(worker: str, bucket: str, folder: Path) -> Iterator[Running]:
    """Run FastAPI, Redis and RQ.

    Args:
        worker: `SimpleWorker`, or `Worker`, which forks for each job.
        bucket: where pictures are; empty: in a folder.
        folder: an empty one.

    Raises:
        PartFailed: a part cannot run.
    """
    pictures = folder / "storage" / bucket if bucket else folder / "pictures"
    api, queue, store = free_port(), free_port(), free_port()
    python = str(environment("peers", PEERS / "requirements.txt") / "python")
    env = {
        "REDIS_URL": f"redis://{HOST}:{queue}",
        "FOLDER": str(pictures),
        "BUCKET": bucket,
        "STORAGE_EMULATOR_HOST": f"http://{HOST}:{store}",
    }
    redis = Part(
        "redis",
        [
            *(shutil.which("redis-server") or "redis-server", "--port", str(queue)),
            *("--bind", HOST, "--dir", str(folder), "--save", "", "--maxmemory", "256mb"),
        ],
        is_ready=lambda: answers(queue),
    )
    uvicorn = Part(
        "api",
        [
            *(python, "-m", "uvicorn", "main:app", "--app-dir", str(PEERS)),
            *("--host", HOST, "--port", str(api), "--log-level", "warning"),
        ],
        is_ready=lambda: answers(api),
        env=env,
    )
    workers = [
        Part(f"worker {n}", [python, str(PEERS / "worker.py"), worker], lambda: True, env=env)
        for n in range(WORKERS)
    ]
    storage = storage_parts(folder, store, (bucket,)) if bucket else []
    with Path(os.devnull).open("w") as quiet:
        supervisor = Supervisor([[uvicorn, *workers], [redis, *storage]], Console(out=quiet))
        supervisor.start()
        try:
            pids = _started(supervisor.pids())
            yield Running(api, "/upload", "/status/", "", "finished", pictures / "processed", pids)
        finally:
            supervisor.stop()


def _started(pids: Mapping[str, int | None]) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if pid is not None}


CONTESTANTS: Mapping[str, Contestant] = {
    "QuickThumb": partial(quickthumb, "embedded"),
    "QuickThumb, Google's broker": partial(quickthumb, "official"),
    "RQ SimpleWorker, folder": partial(rq, "SimpleWorker", ""),
    "RQ Worker, folder": partial(rq, "Worker", ""),
    "RQ SimpleWorker, bucket": partial(rq, "SimpleWorker", "pictures"),
    "RQ Worker, bucket": partial(rq, "Worker", "pictures"),
}


def missing(name: str) -> str:
    """Return what a contestant needs and this machine lacks, and how to get it; empty: nothing."""
    if name.startswith("RQ") and not shutil.which("redis-server"):
        return "redis-server is not installed: apt-get install redis-server"
    if name.endswith("Google's broker"):
        try:
            official_command(free_port())
        except OfficialEmulatorMissing as error:
            return str(error)
    return ""
