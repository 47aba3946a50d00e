"""`sweep`: sweeps the buckets of a running `up` at once, from beginning to end."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
from rich.console import Console as Terminal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from emulator.client import Failed
from emulator.errors import InvalidTopology
from emulator.options import add_data_option
from emulator.running import Addresses, expect
from emulator.topology_file import read_topology

_PIECE_SECONDS = 2  # so that progress is seen
_PAUSES = (1, 2, 4)  # seconds, before a piece is tried again
_COUNTED = {
    "seen": "originals seen",
    "waiting": "not due yet",
    "published": "published again",
    "gave_up": "given up",
    "removed": "leftovers removed",
    "dropped": "originals dropped",
    "unread": "that could not be read",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_data_option(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="report what would be done, and do nothing"
    )
    parser.add_argument(
        "--older-than",
        type=_seconds,
        metavar="SECONDS",
        help="age from which an unfinished job is retried (default: the function's own setting)",
    )
    parser.add_argument(
        "--start", default="", metavar="NAME", help="continue where an interrupted sweep stopped"
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole seconds")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Sweep from the beginning to the end of the buckets."""
    addresses = expect(args.data)
    function = read_topology().called_by("schedule")
    if function is None:
        raise InvalidTopology("No function has the trigger `schedule`: there is nothing to call.")
    terminal = Terminal(stderr=True)
    total: Counter[str] = Counter()
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=terminal,
        disable=not terminal.is_terminal,
    )
    place = args.start
    try:
        with progress:
            bar = progress.add_task("Sweeping", total=None)
            for report in _pieces(function, addresses, args):
                total.update({name: report[name] for name in _COUNTED})
                place = report["next"]
                progress.update(bar, description=_told(total))
    except (Failed, KeyboardInterrupt) as stop:
        reason = str(stop) or "Interrupted."
        print(f"{_told(total)}\n{reason} To continue from here: --start {place!r}")
        return 130 if isinstance(stop, KeyboardInterrupt) else 1
    print(f"{_told(total)}{'; a dry run, so nothing was done' if args.dry_run else ''}")
    return 0


def _told(total: Counter[str]) -> str:
    return ", ".join(f"{total[name]:,} {words}" for name, words in _COUNTED.items())


def _pieces(
    function: str, addresses: Addresses, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Have one piece after the other swept."""
    place: str | None = args.start
    token = addresses.tokens.get(function)
    headers = token.headers(args.data / "pubsub") if token else {}
    options: dict[str, str | int] = {"seconds": _PIECE_SECONDS}
    if args.dry_run:
        options["dry_run"] = "true"
    if args.older_than is not None:
        options["older_than"] = args.older_than
    while place is not None:
        options["start"] = place
        report = _piece(function, addresses.functions[function], options, headers)
        yield report
        place = report["next"]


def _piece(
    function: str, url: str, query: dict[str, str | int], headers: dict[str, str]
) -> dict[str, Any]:
    """Have one piece swept; try again where nothing answers.

    Raises:
        Failed: nothing answers still, or the function refuses.
    """
    for pause in (*_PAUSES, None):
        try:
            answer = requests.post(url, params=query, headers=headers, timeout=120)
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
