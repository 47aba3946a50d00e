"""A long storm: `.venv/bin/python -m tests.chaos --seed 7 --uploads 2000 --kills 60`.

Runs the emulated cloud under load, while a random schedule kills and restarts its parts, pauses
them, makes storage fail, hang and run out of space, and delivers messages late, out of order and
twice. Then checks from outside whether every accepted upload has ended as it should. Prints a
table; fails if the promise of docs/reliability.md was broken.
"""

import argparse
import secrets
import signal
import sys
from pathlib import Path

from tests.chaos.run import storm


def main() -> int:
    """Run a storm, and print the result."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--uploads", type=int, default=2000, help="default %(default)s")
    parser.add_argument("--kills", type=int, default=60, help="default %(default)s")
    parser.add_argument("--pubsub", choices=("embedded", "official"), default="embedded")
    parser.add_argument("--log", type=Path, default=Path("chaos.log"), help="of the parts")
    args = parser.parse_args()
    # Both, since a shell ignores Ctrl-C for background processes.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    print(f"seed {args.seed}", flush=True)
    outcome = storm(args.seed, args.uploads, args.kills, args.pubsub, log=args.log)
    print(outcome.table())
    verdict = outcome.verdict
    for name in ("lost", "stuck", "wrong", "undead", "orphans", "double", "forgotten"):
        for item in getattr(verdict, name)[:20]:
            print(f"{name}: {item}")
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
