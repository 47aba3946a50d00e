"""Measures the startup time of the whole cloud with each broker: `.venv/bin/python -m bench.up`.

This is the time from the start of the command to the line that says it is up. The brokers take
turns; the ratio is that of the medians.
"""

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from emulator.bootstrap import ROOT
from emulator.ports import free_port


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    rounds = parser.parse_args(argv).rounds
    seconds: dict[str, list[float]] = {"embedded": [], "official": []}
    for _ in range(rounds):
        for broker, times in seconds.items():
            times.append(_ready(broker))
    medians = {broker: statistics.median(times) for broker, times in seconds.items()}
    for broker, times in seconds.items():
        print(f"{broker:10} median {medians[broker]:.2f} s, {min(times):.2f} to {max(times):.2f} s")
    print(f"embedded / official: {medians['embedded'] / medians['official']:.2f} (target 0.50)")
    return 0


def _ready(broker: str) -> float:
    """Return the seconds from the start of `up` to its first line."""
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
        started = time.perf_counter()
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "emulator", "up", "--pubsub", broker),
                *("--data", folder, "--port", str(free_port())),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as up:
            assert up.stdout is not None
            line = up.stdout.readline()
            seconds = time.perf_counter() - started
            if "is up" not in line:
                raise RuntimeError(f"up with the {broker} broker did not start")
            up.send_signal(signal.SIGINT)
            up.communicate(timeout=60)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
