"""Estimates costs: `.venv/bin/python -m bench.cost [PICTURE…]`.

Prints tables in Markdown with the fixed costs per month and the cost of a million uploads:
measurements (measured.json) times list prices (prices.toml). Pictures given as arguments are
measured now, and replace those in the file: they are sent through the whole emulated cloud, which
counts the CPU time of the functions, their requests to storage, and the bytes of messages, blobs
and log entries.

CPU time is measured on this machine, and the emulator has no network latency. The relative speed of
Cloud Run's processors and the latency of calls are assumed; set them if you know better. Cold
starts, retries and taxes are not included. Measuring needs Linux.
"""

import argparse
import io
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from bench.cost import images, sweeps, tables, uploads
from bench.cost.month import Assumed
from bench.cost.prices import PRICES, InvalidPrices, Prices
from bench.cost.record import RECORD, InvalidRecord, Record
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology

KEPT = (1_000, 100_000, 10_000_000)
SETTINGS: tuple[dict[str, str], ...] = (
    {"sizes": "256"},
    {"sizes": "256,1024"},
    {"sizes": "128,256,512,1024"},
    {"sizes": "256", "format": "webp"},
    {"sizes": "256", "format": "avif"},
    {"sizes": "256,1024", "format": "avif"},
)
BEGIN, END = "<!-- begin: python -m bench.cost -->", "<!-- end: python -m bench.cost -->"
"""`--into` replaces the text between these lines of a document."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables, after measuring if requested."""
    args = _parser().parse_args(argv)
    try:
        prices = Prices.load(args.prices)
        record = _record(args)
        if args.write_record:
            record.write(args.write_record)
        basis = tables.Basis(
            record,
            prices,
            read_topology(),
            Assumed(args.latency, args.page_latency, args.slower),
            args.rate,
            SETTINGS,
        )
        text = tables.all_tables(basis, args.kept)
        if args.into:
            _put_into(args.into, text)
        else:
            print(text, end="")
    except (InvalidPrices, InvalidRecord, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m bench.cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE")
    parser.add_argument(
        "--measure", action="store_true", help="repeat all measurements, which takes some minutes"
    )
    parser.add_argument("--rounds", type=_count, default=5, help="default %(default)s")
    parser.add_argument(
        "--record", type=Path, default=RECORD, metavar="FILE", help="stored measurements"
    )
    parser.add_argument(
        "--write-record", type=Path, metavar="FILE", help="store the measurements for --record"
    )
    parser.add_argument("--prices", type=Path, default=PRICES, metavar="FILE")
    parser.add_argument(
        "--kept",
        type=_counts,
        default=KEPT,
        metavar="N,N",
        help="stored uploads, for the monthly table; default 1000,100000,10000000",
    )
    for name, default, metavar, words in (
        ("--latency", 0.04, "SECONDS", "latency of a call to storage or Pub/Sub"),
        ("--page-latency", 0.2, "SECONDS", "time of a page of 1,000 names in a listing"),
        (
            "--slower",
            1.0,
            "FACTOR",
            "by which Cloud Run's processors are slower than the measured one",
        ),
        ("--rate", 50.0, "UPLOADS", "uploads a second, which share instances"),
    ):
        parser.add_argument(
            name,
            type=_above_0,
            default=default,
            metavar=metavar,
            help=f"{words}; assumed {default:g}",
        )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="insert the tables into a document, between its markers",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def _record(args: argparse.Namespace) -> Record:
    """Return the stored measurements, with those requested made now."""
    if not args.measure and not args.pictures:
        return Record.load(args.record)
    if sys.platform != "linux":
        raise RuntimeError("Measuring reads /proc, so it needs Linux.")
    with tempfile.TemporaryDirectory(prefix="quickthumb-") as name:
        folder = Path(name)
        files = args.pictures or _usual_pictures(folder)
        record = _measured(files, folder / "data", args.rounds)
        if not args.measure:
            before = Record.load(args.record)
            return replace(record, walks=before.walks, image_bytes=before.image_bytes)
        return replace(record, walks=sweeps.walks(folder), image_bytes=images.layer_bytes())


def _usual_pictures(folder: Path) -> list[Path]:
    files = []
    for name, data in uploads.pictures():
        files.append(folder / name)
        files[-1].write_bytes(data)
    return files


def _measured(files: Sequence[Path], data: Path, rounds: int) -> Record:
    topology = read_topology()
    log = io.StringIO()
    # With this variable the functions log as they do on Cloud Run.
    functions = {
        name: structs.replace(function, environment={**function.environment, "K_SERVICE": name})
        for name, function in topology.functions.items()
    }
    console = Console(verbose=True, out=log)
    told = structs.replace(topology, functions=functions)
    with Cloud(told, data, console, log_requests=True) as cloud:
        meter = uploads.Meter(cloud, log)
        pictures = tuple(meter.picture(file, SETTINGS, rounds) for file in files)
        memory = {name: meter.memory(name) for name in ("upload", "resize")}
    return Record(_when(), rounds, pictures, memory)


def _when() -> str:
    version = f"Python {platform.python_version()}"
    return f"on {datetime.now(UTC):%Y-%m-%d} with {version} on {os.cpu_count()} processors"


def _put_into(path: Path, text: str) -> None:
    """Replace the text between the markers of a document.

    Raises:
        RuntimeError: it has no markers.
    """
    before, begin, rest = path.read_text().partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{path}: expected the lines {BEGIN} and {END}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
