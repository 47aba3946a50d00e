"""Options that several commands share."""

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from emulator.bootstrap import ROOT
from emulator.errors import InvalidOption
from emulator.topology import Topology

DEFAULT_DATA = ROOT / ".data"


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help="folder for blobs and messages (default: .data in the project)",
    )


def add_cloud_options(parser: argparse.ArgumentParser) -> None:
    """Add what a command needs that starts the cloud."""
    add_data_option(parser)
    parser.add_argument(
        "--pubsub",
        choices=("embedded", "official"),
        default="embedded",
        help="the broker: our own (default), or Google's emulator, which needs Java",
    )
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="NAME=COUNT",
        help="how many of a function (default: resize has one for each processor)",
    )


def port(text: str) -> int:
    """Read a port from the command line.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)


def web_address(text: str) -> str:
    """Read a URL from the command line.

    Raises:
        argparse.ArgumentTypeError: it is none that a push can be sent to.
    """
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not (port_is_valid and parts.scheme in ("http", "https") and parts.hostname):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected where your program listens, http://127.0.0.1:9000/done"
        )
    return text


def make_folder(folder: Path, option: str) -> None:
    """Make a folder that an option names, where it does not exist.

    Raises:
        InvalidOption: it cannot be made, is a file, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOption(f"{option} {folder}: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidOption(f"{option} {folder}: you may not write to this folder")


def instances_of(args: argparse.Namespace, topology: Topology) -> dict[str, int]:
    """Return how many instances of each function to run.

    Raises:
        InvalidOption: a function is unknown or its count out of its range.
    """
    processors = os.cpu_count() or 1
    # One request at a time is for work that keeps a processor busy.
    counts = {
        name: min(processors, function.max_instances) if function.concurrency == 1 else 1
        for name, function in topology.functions.items()
    }
    for text in args.instances:
        name, _, count = text.partition("=")
        function = topology.functions.get(name)
        if function is None:
            raise InvalidOption(
                f"--instances {text}: there is no function {name!r}: "
                f"expected {', '.join(topology.functions)}"
            )
        if not count.isdecimal() or not 1 <= int(count) <= function.max_instances:
            raise InvalidOption(
                f"--instances {text}: expected a number from 1 to {function.max_instances}"
            )
        counts[name] = int(count)
    return counts
