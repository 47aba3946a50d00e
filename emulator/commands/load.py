"""`load`: sends pictures at a fixed rate, and reports how long their thumbnails take."""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.live import Live

from emulator.bootstrap import ROOT
from emulator.client import Client, Failed
from emulator.errors import InvalidOption
from emulator.formats import checked
from emulator.load import Load, Plan, Tally, delete, percentile
from emulator.options import add_data_option, web_address
from emulator.running import expect
from emulator.wording import counted

_SAMPLE = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"
_NUMBERS = (  # name, default, maximum, help
    ("rate", 10, 1000, "pictures per second"),
    ("seconds", 30, 3600, "duration"),
    ("at-once", 256, 2000, "limit of pictures in flight; those due beyond it are not sent"),
    ("patience", 60, 600, "seconds after which missing thumbnails are a failure"),
)
_LIVE_SECONDS = 0.25
_LINE_SECONDS = 5.0  # between lines if stderr is not a terminal
_RECENT = 1000  # thumbnails in the percentiles shown while the load runs
_ENDING_SECONDS = 3.0  # for pictures in flight, after Ctrl-C
_LATE = 0.1  # seconds at the 99th percentile; if exceeded, this machine is too slow
_MAX_SLICES = 20  # of the plot
_BAR = 40  # characters
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("url", nargs="?", type=web_address, help="default: the running `up`")
    for name, default, maximum, text in _NUMBERS:
        text = f"{text} (default: {default}, at most {maximum:,})"
        kind = partial(_number, maximum=maximum)
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=text)
    text = "pictures, sent in turn (default: a sample)"
    parser.add_argument("--mix", nargs="+", type=Path, default=[_SAMPLE], metavar="FILE", help=text)
    text = "longest sides, pixels (default: 256)"
    parser.add_argument("--sizes", type=checked("sizes"), metavar="256,1024", help=text)
    text = "added to each request, such as 'Authorization: Bearer TOKEN'; may be repeated"
    parser.add_argument("--header", action="append", type=_header, default=[], help=text)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also write the report as SVG")
    parser.add_argument("--keep", action="store_true", help="do not delete the uploads at the end")
    add_data_option(parser)


def _number(text: str, maximum: float) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) <= maximum:
            return number
    raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0, at most {maximum:,}")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name.strip() and colon):
        raise argparse.ArgumentTypeError("expected 'NAME: VALUE'")
    return name.strip(), value.strip()


def run(args: argparse.Namespace) -> int:
    """Send the pictures; return 1 if any has no thumbnails."""
    if missing := [path for path in args.mix if not path.is_file()]:
        raise InvalidOption(f"--mix {missing[0]}: there is no such file")
    url = args.url.rstrip("/") if args.url else expect(args.data).upload
    key = os.environ.get("QUICKTHUMB_API_KEY", "")
    connect = partial(Client, url, key, dict(args.header), args.patience)
    client = connect()
    try:  # fail before the load, not after it
        _ = client.max_upload_bytes
        if args.svg:
            args.svg.touch()
    except (Failed, OSError) as error:
        raise InvalidOption(str(error)) from None
    options = {"sizes": args.sizes} if args.sizes else {}
    plan = Plan(args.mix, options, args.rate, args.seconds, args.at_once, args.patience)
    load = Load(client, plan)
    completed = _watch(load, plan)
    tally = load.close()
    terminal = Console(record=True, highlight=False)
    terminal.print("\n".join(report(tally, plan, load.seconds())), markup=False)
    if args.svg:
        svg = terminal.export_svg(title=f"load {url}")
        # Without @font-face, which would load fonts from a server.
        args.svg.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))
    if not args.keep:
        ids = list(load.tally.ids)  # including those accepted after the report
        print(f"Deleting {counted(len(ids), 'upload')}.", file=sys.stderr)
        left, reason = delete(connect(), ids)
        if left:
            print(f"{left:,} were not deleted: {reason}", file=sys.stderr)
    failed = len(tally.done) < tally.sent + tally.unsent
    return int(failed) if completed else 130


def _watch(load: Load, plan: Plan) -> bool:
    """Show the progress of the load; return False if it was interrupted."""
    terminal = Console(stderr=True, highlight=False)
    pause = _LIVE_SECONDS if terminal.is_terminal else _LINE_SECONDS
    live = Live(console=terminal, auto_refresh=False, transient=True)
    load.start()
    with suppress(KeyboardInterrupt), live:
        while not load.wait(pause):
            if terminal.is_terminal:
                live.update(_state(load, plan), refresh=True)
            else:
                terminal.print(_state(load, plan), soft_wrap=True)
        return True
    load.stop()
    load.wait(_ENDING_SECONDS)
    return False


def _state(load: Load, plan: Plan) -> str:
    tally, seconds = load.tally, load.seconds()
    p50, p99 = _milliseconds(tally.done[-_RECENT:], 0.5, 0.99)
    return (
        f"{seconds:.0f} of {plan.seconds:g} s: rate {tally.sent / max(seconds, 1e-9):.1f}/s, "
        f"p50 {p50}, p99 {p99}, waiting {tally.in_flight:,}, done {len(tally.done):,}, refused "
        f"{tally.refused.total():,}, failed {tally.failures.total():,}, not sent {tally.unsent:,}"
    )


def _milliseconds(seconds: Iterable[float], *shares: float) -> list[str]:
    """Return percentiles as text."""
    ordered = sorted(seconds)
    return [f"{percentile(ordered, share) * 1000:,.0f} ms" if ordered else "-" for share in shares]


def report(tally: Tally, plan: Plan, seconds: float) -> Iterator[str]:
    """Yield the parts of the report."""
    last = max(map(sum, zip(tally.done_due, tally.done, strict=True)), default=0.0)
    due, done = tally.sent + tally.unsent, len(tally.done)
    yield (
        f"Rate asked {plan.rate:g}/s, sent {tally.sent / seconds:.1f}/s, thumbnails "
        f"{done / max(last, seconds):.1f}/s, for {seconds:.1f} seconds\n"
        f"Pictures: {due:,} due, {done:,} done, {tally.refused.total():,} refused, "
        f"{tally.failures.total():,} failed, {tally.interrupted:,} interrupted, "
        f"{tally.unsent:,} not sent\n"
    )
    yield f"{'from due to':<12}" + "".join(f"{name:>12}" for name in _SHARES)
    rows = {"sent": tally.late, "accepted": tally.answered, "thumbnails": tally.done}
    for name, values in rows.items():
        figures = _milliseconds(values, *_SHARES.values())
        yield f"{name:<12}" + "".join(f"{figure:>12}" for figure in figures)
    for code, reason in tally.reasons.items():
        yield f"\n{tally.refused[code] + tally.failures[code]:,} with {code}: {reason}"
    if due > done:
        yield f"\n{due - done:,} pictures without thumbnails are not in the percentiles."
    if tally.late and percentile(sorted(tally.late), 0.99) > _LATE:
        yield "\nSent late: this machine is too slow for the rate, which distorts the latencies."
    if done:
        yield "\nThumbnails by time due: █ p50, ░ p99"
        yield from plot(tally, seconds)


def plot(tally: Tally, length: float) -> Iterator[str]:
    """Yield bars over time: p50 and p99 of the pictures due in each slice."""
    width = max(1.0, length / _MAX_SLICES)
    jobs = sorted(zip(tally.done_due, tally.done, strict=True))
    slices = {}
    for index, group in groupby(jobs, key=lambda job: job[0] // width):
        values = sorted(seconds for _, seconds in group)
        slices[index * width] = percentile(values, 0.5), percentile(values, 0.99)
    scale = _BAR / max(p99 for _, p99 in slices.values())
    for start, (p50, p99) in slices.items():
        bar = ("█" * round(p50 * scale)).ljust(round(p99 * scale), "░")
        yield f"{start:6.0f} s  {bar:<{_BAR}} {p50 * 1000:7,.0f} ms {p99 * 1000:7,.0f} ms"
