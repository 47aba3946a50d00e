"""`sweep`: sweeps all buckets of a running `up` now."""

import argparse
import time
from collections import Counter
from typing import Any

import requests
from rich.progress import SpinnerColumn, TimeElapsedColumn

from emulator.client import Failed
from emulator.errors import InvalidTopology
from emulator.options import add_data_option
from emulator.progress import progress_bar
from emulator.running import Addresses, expect
from emulator.topology_file import read_topology

_PIECE_SECONDS = 2  # per call, to show progress
_PAUSES = (1, 2, 4)  # seconds, before retries
_COUNTED = {
    "seen": "originals seen",
    "waiting": "not due yet",
    "published": "published again",
    "gave_up": "given up",
    "removed": "leftovers removed",
    "dropped": "originals dropped",
    "unread": "unreadable",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_data_option(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="report what would be done, but change nothing"
    )
    parser.add_argument(
        "--older-than",
        type=_seconds,
        metavar="SECONDS",
        help="retry unfinished jobs at least this old (default: the function's own setting)",
    )
    parser.add_argument(
        "--start", default="", metavar="NAME", help="continue where an interrupted sweep stopped"
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole seconds")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Sweep all of the buckets."""
    addresses = expect(args.data)
    function = read_topology().called_by("schedule")
    if function is None:
        raise InvalidTopology("No function has the trigger `schedule`, so there is none to call.")
    total: Counter[str] = Counter()
    place: str | None = args.start
    try:
        with progress_bar(SpinnerColumn(), TimeElapsedColumn()) as progress:
            bar = progress.add_task("Sweeping", total=None)
            while place is not None:
                report = _sweep_from(place, function, addresses, args)
                total.update({name: report[name] for name in _COUNTED})
                place = report["next"]
                progress.update(bar, description=_summary(total))
    except (Failed, KeyboardInterrupt) as stop:
        reason = str(stop) or "Interrupted."
        print(f"{_summary(total)}\n{reason} To continue from here: --start {place!r}")
        return 130 if isinstance(stop, KeyboardInterrupt) else 1
    print(f"{_summary(total)}{' (dry run: nothing was changed)' if args.dry_run else ''}")
    return 0


def _summary(total: Counter[str]) -> str:
    return ", ".join(f"{total[name]:,} {words}" for name, words in _COUNTED.items())


def _sweep_from(
    place: str, function: str, addresses: Addresses, args: argparse.Namespace
) -> dict[str, Any]:
    """Call the function for a few seconds' work; retry if it does not answer."""
    token = addresses.tokens.get(function)
    query = {
        "start": place,
        "seconds": _PIECE_SECONDS,
        "dry_run": "true" if args.dry_run else None,
        "older_than": args.older_than,
    }
    for pause in (*_PAUSES, None):
        try:
            answer = requests.post(
                addresses.functions[function],
                params=query,
                headers=token.headers(args.data / "pubsub") if token else {},
                timeout=120,
            )
        except requests.RequestException as error:
            reason = f"The function {function} does not answer: {error}."
        else:
            if answer.ok:
                report: dict[str, Any] = answer.json()
                return report
            reason = f"The function {function} answered {answer.status_code}: {answer.text[:500]}"
            if answer.status_code < 500:
                break
        if pause is not None:
            time.sleep(pause)
    raise Failed(reason)
