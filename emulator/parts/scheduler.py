"""Calls functions on schedule, as Cloud Scheduler does: `python3 -m emulator.parts.scheduler`.

A job that is still running when it is due again is skipped, and a failed one is not retried before
it is due again: https://docs.cloud.google.com/scheduler/docs/overview
"""

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cronsim import CronSim

from emulator.parts.tokens import PushToken
from emulator.processes import Part, with_emulator
from emulator.running import Addresses
from emulator.topology import Topology


def scheduler_part(topology: Topology, addresses: Addresses, broker: Path) -> Part | None:
    """Return the part that calls the scheduled functions of a topology; None if there are none.

    Args:
        topology: what to call when.
        addresses: of the functions, and the tokens that they require.
        broker: the broker's data folder, with the key that signs tokens.
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
        env=with_emulator(),
        matters=lambda line: True,  # noqa: ARG005 - it only logs failures
        awaited=False,
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduled call.

    Attributes:
        name: of the schedule.
        cron: when, in UTC.
        url: of the function.
        timeout: of a call, seconds.
        token: to authenticate the call, if any.
    """

    name: str
    cron: str
    url: str
    timeout: float
    token: PushToken | None = None

    def document(self) -> str:
        """Return the job as JSON."""
        return msgspec.json.encode(self).decode()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs of the command line until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", action="append", required=True, help="a job in JSON")
    parser.add_argument(
        "--broker", type=Path, help="the broker's data folder, with its signing key"
    )
    args = parser.parse_args(argv)
    threads = [
        threading.Thread(target=_keep_calling, args=(job, args.broker), daemon=True)
        for job in (msgspec.json.decode(text, type=Job) for text in args.job)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def call(job: Job, due: datetime, broker: Path | None = None) -> str:
    """Make a call; return an error message, empty if it succeeded.

    Args:
        job: what to call.
        due: the scheduled time.
        broker: the broker's data folder, with the key that signs tokens.
    """
    import requests  # slow, and only needed here

    try:
        token = job.token.headers(broker) if job.token and broker else {}
    except (OSError, ValueError) as error:
        return f"{job.name}: not called, because its token cannot be signed: {error}"
    headers = {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.name,
        "X-CloudScheduler-ScheduleTime": due.isoformat(),
        **token,
    }
    try:
        answer = requests.post(job.url, headers=headers, timeout=job.timeout)
    except requests.RequestException as error:
        return f"{job.name}: no answer: {error}"
    return "" if answer.ok else f"{job.name}: answered {answer.status_code}: {answer.text[:500]}"


def _keep_calling(job: Job, broker: Path | None) -> None:
    while True:
        due = next(CronSim(job.cron, datetime.now(UTC)))
        # By wall-clock time, since the laptop may be suspended meanwhile.
        while (wait := due.timestamp() - time.time()) > 0:
            time.sleep(min(wait, 1.0))
        if trouble := call(job, due, broker):
            print(trouble, flush=True)


if __name__ == "__main__":
    sys.exit(main())
