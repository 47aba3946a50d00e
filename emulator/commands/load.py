"""`load`: sends pictures at a fixed rate, and reports how long their thumbnails take."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from rich.console import Console as Terminal
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from emulator.bootstrap import ROOT
from emulator.client import Client, Failed
from emulator.errors import InvalidOption
from emulator.load import Load, Plan, Tally, delete, percentile
from emulator.options import add_data_option, web_address
from emulator.running import expect

_SAMPLE = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"
_LIVE_SECONDS = 0.25
_PLAIN_SECONDS = 5.0  # between lines, where standard error is no terminal
_RECENT = 1000  # thumbnails whose percentiles are shown while the load runs
_ENDING_SECONDS = 3.0  # for what is in flight, after Ctrl-C
_LATE = 0.1  # seconds at the 99th percentile, from which the load itself is in doubt
_SLICES = 20  # of the plot, at most
_BAR = 40  # characters
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    service = partial(web_address, expected="the URL of a QuickThumb, https://thumbs.example.com")
    parser.add_argument("url", nargs="?", type=service, help="default: that of the running `up`")
    for name, default, most, text in (
        ("rate", 10, 1000, "pictures a second"),
        ("seconds", 30, 3600, "how long"),
        ("at-once", 256, 2000, "pictures in flight; what is due beyond that is not sent"),
        ("patience", 60, 600, "seconds after which missing thumbnails are a failure"),
    ):
        text = f"{text} (default: {default}, at most {most:,})"
        kind = partial(_number, most=most)
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=text)
    parser.add_argument(
        "--mix", nargs="+", type=Path, default=[_SAMPLE], metavar="FILE", help="sent in turn"
    )
    parser.add_argument("--sizes", metavar="256,1024", help="longest sides, pixels (default: 256)")
    text = "of every request, such as 'Authorization: Bearer TOKEN'; may be repeated"
    parser.add_argument("--header", action="append", type=_header, default=[], help=text)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the report in this file too")
    parser.add_argument("--keep", action="store_true", help="do not delete the uploads at the end")
    add_data_option(parser)


def _number(text: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= most:  # not true of NaN either
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0, at most {most:,}")
    return number


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name.strip() and colon):
        raise argparse.ArgumentTypeError("expected 'NAME: VALUE'")
    return name.strip(), value.strip()


def run(args: argparse.Namespace) -> int:
    """Send the pictures; 1 if one of them got no thumbnails."""
    if missing := [path for path in args.mix if not path.is_file()]:
        raise InvalidOption(f"--mix {missing[0]}: there is no such file")
    url = args.url.rstrip("/") if args.url else expect(args.data).upload
    key, headers = os.environ.get("QUICKTHUMB_API_KEY", ""), dict(args.header)
    client = Client(url, key, headers, args.patience)
    try:
        client.max_upload_bytes()  # tells early whether anything answers
        if args.svg:
            args.svg.touch()  # as early as that
    except (Failed, OSError) as error:
        raise InvalidOption(str(error)) from None
    options = {"sizes": args.sizes} if args.sizes else {}
    plan = Plan(args.mix, options, args.rate, args.seconds, args.at_once, args.patience)
    load = Load(client, plan)
    is_complete = _watch(load, plan)
    tally = load.close()
    terminal = Terminal(record=True, highlight=False)
    for part in _report(tally, plan, load.seconds()):
        terminal.print(part, markup=False)
    if args.svg:
        # Without the font, which rich's style loads from a server.
        svg = terminal.export_svg(title=f"load {url}")
        args.svg.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))
    if not args.keep:
        ids = list(load.tally.ids)
        print(f"Deleting {len(ids):,} uploads.", file=sys.stderr)
        left, reason = delete(Client(url, key, headers, args.patience), ids)
        if left:
            print(f"{left:,} were not deleted: {reason}", file=sys.stderr)
    if not is_complete:
        return 130
    return 0 if len(tally.done) == tally.sent + tally.unsent else 1


def _watch(load: Load, plan: Plan) -> bool:
    """Show how the load goes until its end; return whether nobody pressed Ctrl-C."""
    terminal = Terminal(stderr=True, highlight=False)
    pause, show = _PLAIN_SECONDS, partial(terminal.print, soft_wrap=True)
    live = Live(console=terminal, auto_refresh=False)
    if terminal.is_terminal:
        pause, show = _LIVE_SECONDS, partial(live.update, refresh=True)
    load.start()
    try:
        with live if terminal.is_terminal else nullcontext():
            while not load.wait(pause):
                show(_state(load, plan))
    except KeyboardInterrupt:
        load.stop()
        load.wait(_ENDING_SECONDS)
        return False
    return True


def _state(load: Load, plan: Plan) -> Text:
    tally, seconds = load.tally, load.seconds()
    recent = sorted(tally.done[-_RECENT:])
    return Text(
        f"{seconds:.0f} of {plan.seconds:g} s: rate {tally.sent / max(seconds, 1e-9):.1f}/s, "
        f"p50 {_milliseconds(recent, 0.5)}, p99 {_milliseconds(recent, 0.99)}, "
        f"waiting {tally.in_flight:,}, done {len(tally.done):,}, refused "
        f"{tally.refused.total():,}, failed {tally.failures.total():,}, not sent {tally.unsent:,}"
    )


def _milliseconds(ordered: Sequence[float], share: float) -> str:
    return f"{percentile(ordered, share) * 1000:,.0f} ms" if ordered else "-"


def _report(tally: Tally, plan: Plan, seconds: float) -> Iterator[RenderableType]:
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
    table = Table("from when due to", *_SHARES, box=None, pad_edge=False)
    late = sorted(tally.late)
    for name, values in (
        ("sent", late),
        ("accepted", sorted(tally.answered)),
        ("thumbnails", sorted(tally.done)),
    ):
        table.add_row(name, *(_milliseconds(values, share) for share in _SHARES.values()))
    for column in table.columns[1:]:
        column.justify = "right"
    yield table
    for code, reason in tally.reasons.items():
        yield f"\n{tally.refused[code] + tally.failures[code]:,} with {code}: {reason}"
    if due > done:
        yield f"\n{due - done:,} pictures without thumbnails are not in the percentiles."
    if late and percentile(late, 0.99) > _LATE:
        yield "\nSent late: this machine is too slow for the rate, so the latencies are its own."
    if done:
        yield "\nThumbnails, by when they were due: █ p50, ░ p99"
        yield from _plot(tally, seconds)


def _plot(tally: Tally, length: float) -> Iterator[str]:
    """Yield a bar for each part of the time: p50 and p99 of what was due then."""
    width = max(1.0, length / _SLICES)
    slices: dict[int, list[float]] = {}
    for due, seconds in zip(tally.done_due, tally.done, strict=True):
        slices.setdefault(int(due / width), []).append(seconds)
    ordered = {index: sorted(slices[index]) for index in sorted(slices)}
    scale = _BAR / max(percentile(values, 0.99) for values in ordered.values())
    for index, values in ordered.items():
        p50, p99 = (round(percentile(values, share) * scale) for share in (0.5, 0.99))
        yield (
            f"{index * width:6.0f} s  {('█' * p50 + '░' * (p99 - p50)).ljust(_BAR)}"
            f" {_milliseconds(values, 0.5):>10} {_milliseconds(values, 0.99):>10}"
        )
