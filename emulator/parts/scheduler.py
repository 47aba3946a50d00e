"""Calls functions at set times, as Cloud Scheduler does: `python3 -m emulator.parts.scheduler`.

A job that still runs when it is due again is not started a second time, and one that fails is not
tried again before it is due: https://docs.cloud.google.com/scheduler/docs/overview
"""

import argparse
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cronsim import CronSim

from emulator.bootstrap import ROOT
from emulator.parts.tokens import PushToken
from emulator.processes import Part
from emulator.running import Addresses
from emulator.topology import Topology


def scheduler_part(topology: Topology, addresses: Addresses, broker: Path) -> Part | None:
    """Return the part that makes the calls of a topology; None if there are none to make.

    Args:
        topology: says when to call what.
        addresses: of the functions, and the tokens that they expect.
        broker: folder of the broker whose key signs the tokens.
    """
    jobs = [
        Job(
            name,
            schedule.cron,
            addresses.functions[schedule.function],
            topology.functions[schedule.function].timeout_seconds,
            addresses.tokens.get(schedule.function),
        )
        for name, schedule in topology.schedules.items()
    ]
    if not jobs:
        return None
    arguments = [word for job in jobs for word in ("--job", job.document())]
    return Part(
        "scheduler",
        [sys.executable, "-m", "emulator.parts.scheduler", *arguments, "--broker", str(broker)],
        is_ready=lambda: True,  # it listens nowhere
        env={"PYTHONPATH": str(ROOT)},
        matters=lambda line: True,  # noqa: ARG005 - it reports nothing but failures
        awaited=False,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A call that is made again and again.

    Attributes:
        name: of the schedule.
        cron: when, in UTC.
        url: what is called.
        timeout: of a call, seconds.
        token: what proves who calls; None proves nothing.
    """

    name: str
    cron: str
    url: str
    timeout: float
    token: PushToken | None = None

    def document(self) -> str:
        """Return the job as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the job that a text in JSON describes."""
        document = json.loads(text)
        token = document.pop("token")
        return cls(**document, token=PushToken(**token) if token else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the calls that the command line asks for, until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--job", type=Job.read, action="append", required=True, help="whom to call when, in JSON"
    )
    parser.add_argument("--broker", type=Path, help="folder of the broker whose key signs tokens")
    args = parser.parse_args(argv)
    threads = [
        threading.Thread(target=_keep_calling, args=(job, args.broker), daemon=True)
        for job in args.job
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def call(job: Job, due: datetime, broker: Path | None = None) -> str:
    """Make a call; return what is to be said of it, nothing if it went well.

    Args:
        job: says what to call.
        due: when it was to be called.
        broker: folder with the key that signs its token.
    """
    try:
        token = job.token.headers(broker) if job.token and broker else {}
    except (OSError, ValueError) as error:
        return f"{job.name}: not called, since its token cannot be signed: {error}"
    request = urllib.request.Request(  # noqa: S310 - the emulator's own function, over HTTP
        job.url,
        data=b"",
        headers={
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name,
            "X-CloudScheduler-ScheduleTime": due.isoformat(),
            **token,
        },
    )
    try:
        urllib.request.urlopen(request, timeout=job.timeout).close()  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        return f"{job.name}: answered {error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return f"{job.name}: no answer: {error}"
    return ""


def _keep_calling(job: Job, broker: Path | None) -> None:
    while True:
        due = next(CronSim(job.cron, datetime.now(UTC)))
        # By the clock on the wall, which a laptop that slept in between has moved on.
        while (wait := due.timestamp() - time.time()) > 0:
            time.sleep(min(wait, 1.0))
        if trouble := call(job, due, broker):
            print(trouble, flush=True)


if __name__ == "__main__":
    sys.exit(main())
