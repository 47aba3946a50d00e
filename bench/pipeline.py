"""Compares QuickThumb with FastAPI, Redis and RQ: `.venv/bin/python -m bench.pipeline`.

Every contestant has two processes that make thumbnails. All are kept running and take turns: in
each round, pictures are uploaded as forms from 1, 8 and 32 connections, and nobody asks for their
thumbnails until all uploads are answered. Thumbnails per second count from the first upload to the
last thumbnail. Then pictures are uploaded one by one, each when the thumbnail of the one before is
there. Processor time is that of all processes of a contestant, without the client. Peak memory is
that of all its processes together, measured in a first round that is otherwise not counted. The
tables show medians of the rounds, and in brackets QuickThumb's figure divided by the other's.
"""

import argparse
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from bench.contestants import CONTESTANTS, PEERS, Running, missing
from bench.figures import Figures, medians, table
from bench.imaging_inputs import encoded, mosaic, photograph
from bench.processes import Processes
from bench.rounds import Client, Plan, measure, series
from tests.environments import environment


def compare(names: Sequence[str], picture: bytes, plan: Plan) -> dict[str, Figures]:
    """Return the figures of each contestant."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quickthumb-")))
        contestants: dict[str, tuple[Running, Client]] = {}
        peaks: dict[str, float] = {}
        rounds: dict[str, list[Figures]] = {name: [] for name in names}
        for n, name in enumerate(names):
            (own := folder / str(n)).mkdir()
            running = stack.enter_context(CONTESTANTS[name](own))
            contestants[name] = running, Client(running, picture)
        for name, (running, client) in contestants.items():  # which also warms them up
            processes = Processes(*running.pids.values())
            with processes.watched():
                series(running, client, plan.uploads, max(plan.at_once))
            peaks[name] = processes.peak
        for number in range(plan.rounds):
            for name, (running, client) in contestants.items():
                print(f"round {number + 1}, {name}", file=sys.stderr, flush=True)
                rounds[name].append(measure(running, client, plan))
    return {name: {"peak memory, MB": peaks[name], **medians(rounds[name])} for name in names}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; print tables, and draw a plot of them if asked to."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument("--quick", action="store_true", help="one short round, small picture only")
    parser.add_argument(
        "--only", default="^QuickThumb$|^RQ", help="regular expression of contestants' names"
    )
    parser.add_argument("--plot", metavar="PATH", help="write PATH-light.svg and PATH-dark.svg")
    args = parser.parse_args(argv)
    names = _chosen(args.only)
    if not names:
        parser.error(f"--only {args.only!r}: no such contestant can run here")
    rounds = 1 if args.quick else args.rounds
    about = f"{_machine()}, {datetime.now(UTC):%Y-%m-%d}, rounds: {rounds}"
    print(about)
    if (load := os.getloadavg()[0]) > 1:
        print(f"The machine is busy (load {load:.1f}): ratios mean little", file=sys.stderr)
    measured: dict[str, dict[str, Figures]] = {}
    for picture, plan in _plans(rounds, quick=args.quick):
        with Image.open(io.BytesIO(picture)) as image:
            what = f"{image.width}x{image.height}, {len(picture) / 1e6:.1f} MB"
        measured[what] = compare(names, picture, plan)
        print(f"\n{table(what, measured[what])}", flush=True)
    if args.plot:
        python = environment("peers", PEERS / "requirements.txt") / "python"
        told = json.dumps({"about": about, "measured": measured})
        plot = [str(python), str(PEERS / "plot.py"), args.plot]
        subprocess.run(plot, input=told, text=True, check=True)
    return 0


def _plans(rounds: int, *, quick: bool) -> Iterator[tuple[bytes, Plan]]:
    """Yield the pictures, and how much is measured with each."""
    if quick:
        yield photograph(), Plan(8, 2, (1, 8), rounds)
        return
    yield photograph(), Plan(100, 20, (1, 8, 32), rounds)
    yield encoded(mosaic(4000, 3000), "JPEG", quality=90), Plan(40, 10, (1, 8, 32), rounds)


def _chosen(only: str) -> list[str]:
    """Return the contestants whose names a regular expression finds and that can run here."""
    names = [name for name in CONTESTANTS if re.search(only, name)]
    lacks = {name: missing(name) for name in names}
    for name, lack in lacks.items():
        if lack:
            print(f"{name} is left out: {lack}", file=sys.stderr)
    return [name for name in names if not lacks[name]]


def _machine() -> str:
    """Return what the figures depend on most."""
    with suppress(OSError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if found:
            return f"{os.cpu_count()} processors ({found[1]}), Python {platform.python_version()}"
    return f"{os.cpu_count()} processors, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
