"""Options that several commands share."""

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from emulator.bootstrap import ROOT
from emulator.errors import InvalidOption
from emulator.project import FILES
from emulator.topology import Topology

DEFAULT_DATA = ROOT / ".data" if FILES == ROOT else Path.home() / ".quickthumb"


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help=f"folder for blobs and messages (default: {DEFAULT_DATA})",
    )


def add_cloud_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that start the cloud."""
    add_data_option(parser)
    parser.add_argument(
        "--pubsub",
        choices=("embedded", "official"),
        default="embedded",
        help="which broker: our own (default), or Google's emulator, which needs Java",
    )
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="NAME=COUNT",
        help="processes of a function (default: one for each processor if a function takes one "
        "request at a time, else one)",
    )


def port(text: str) -> int:
    """Read a port from the command line.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)


def web_address(
    text: str, expected: str = "where your program listens, http://127.0.0.1:9000/done"
) -> str:
    """Read a URL from the command line.

    Args:
        text: the URL.
        expected: what it is of, and an example.

    Raises:
        argparse.ArgumentTypeError: it is not one.
    """
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not (port_is_valid and parts.scheme in ("http", "https") and parts.hostname):
        raise argparse.ArgumentTypeError(f"{text!r}: expected {expected}")
    return text


def make_folder(folder: Path, option: str) -> None:
    """Make the folder that an option names, if it does not exist.

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
        InvalidOption: a function is unknown, or its count is out of range.
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
