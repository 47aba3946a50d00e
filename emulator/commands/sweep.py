"""`sweep`: whatever has not ended in the buckets of a running `up` is seen to now."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
from rich.console import Console as Terminal
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from emulator.client import Failed
from emulator.errors import InvalidOption
from emulator.options import add_data_option
from emulator.running import Addresses, find

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
        "--dry-run", action="store_true", help="tell what would be done, and do nothing"
    )
    parser.add_argument(
        "--older-than",
        type=_seconds,
        metavar="SECONDS",
        help="age at which a picture is asked for that never was (default: the setting of sweep)",
    )
    parser.add_argument(
        "--start", default="", metavar="NAME", help="go on where an interrupted sweep says it was"
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected whole seconds")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Sweep from the beginning to the end of the buckets."""
    addresses = find(args.data)
    if addresses is None:
        raise InvalidOption(
            f"Nothing runs on {args.data}: start `python3 -m emulator up` in another terminal."
        )
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
            for report in _pieces(addresses, args):
                total.update({name: report[name] for name in _COUNTED})
                place = report["next"]
                progress.update(bar, description=_told(total))
    except (Failed, KeyboardInterrupt) as stop:
        reason = str(stop) or "Interrupted."
        print(f"{_told(total)}\n{reason} To go on from here: --start {place!r}")
        return 130 if isinstance(stop, KeyboardInterrupt) else 1
    print(f"{_told(total)}{'; a dry run: nothing was done' if args.dry_run else ''}")
    return 0


def _told(total: Counter[str]) -> str:
    return ", ".join(f"{total[name]:,} {words}" for name, words in _COUNTED.items())


def _pieces(addresses: Addresses, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Have one piece after the other swept."""
    place: str | None = args.start
    token = addresses.tokens.get("sweep")
    headers = token.headers(args.data / "pubsub") if token else {}
    options: dict[str, str | int] = {"seconds": _PIECE_SECONDS}
    if args.dry_run:
        options["dry_run"] = "true"
    if args.older_than is not None:
        options["older_than"] = args.older_than
    while place is not None:
        report = _piece(addresses.functions["sweep"], options | {"start": place}, headers)
        yield report
        place = report["next"]


def _piece(url: str, query: dict[str, str | int], headers: dict[str, str]) -> dict[str, Any]:
    """Have one piece swept, again where something does not answer.

    Raises:
        Failed: it still does not.
    """
    for pause in (*_PAUSES, None):
        try:
            answer = requests.post(url, params=query, headers=headers, timeout=120)
        except requests.RequestException as error:
            reason = f"The function sweep does not answer: {error}."
        else:
            if answer.ok:
                report: dict[str, Any] = answer.json()
                return report
            reason = f"The function sweep answered {answer.status_code}: {answer.text[:500]}"
            if answer.status_code < 500:
                break
        if pause is not None:
            time.sleep(pause)
    raise Failed(reason)
