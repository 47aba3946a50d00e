"""Options that several commands share."""

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from emulator.bootstrap import ROOT
from emulator.errors import InvalidOption
from emulator.project import FILES
from emulator.topology import Function, Topology

_DECODERS = "QUICKTHUMB_DECODERS"
"""How many pictures a function decodes at once, each in a process."""

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
    """Add the options of commands that start a cloud."""
    add_data_option(parser)
    parser.add_argument(
        "--pubsub",
        choices=("embedded", "official"),
        default="embedded",
        help="broker: our own (default), or Google's emulator, which needs Java",
    )
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="NAME=COUNT",
        help="processes of a function (default: as many as keep all processors busy)",
    )


def port(text: str) -> int:
    """Parse a port.

    Raises:
        argparse.ArgumentTypeError: it is invalid.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)


def web_address(text: str) -> str:
    """Parse an HTTP or HTTPS URL.

    Raises:
        argparse.ArgumentTypeError: it is invalid.
    """
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not (port_is_valid and parts.scheme in ("http", "https") and parts.hostname):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a URL such as http://127.0.0.1:9000/")
    return text


def _busy(function: Function) -> int:
    """Return how many instances keep all processors busy.

    An instance that takes one request at a time keeps one busy, and one that decodes as many as it
    has decoders. Others wait more than they work.
    """
    decoders = function.environment.get(_DECODERS, 1 if function.concurrency == 1 else None)
    if not isinstance(decoders, int | str) or not str(decoders).isdecimal():
        return 1
    enough = (os.cpu_count() or 1) // max(1, int(decoders))
    return max(1, min(enough, function.max_instances))


def instances_of(args: argparse.Namespace, topology: Topology) -> dict[str, int]:
    """Return how many instances of each function to run.

    Raises:
        InvalidOption: a function is unknown, or its count is out of range.
    """
    counts = {name: _busy(function) for name, function in topology.functions.items()}
    for text in args.instances:
        name, _, count = text.partition("=")
        function = topology.functions.get(name)
        if function is None:
            known = ", ".join(topology.functions)
            raise InvalidOption(f"--instances {text}: unknown function {name!r}: expected {known}")
        if not count.isdecimal() or not 1 <= int(count) <= function.max_instances:
            raise InvalidOption(
                f"--instances {text}: expected a number from 1 to {function.max_instances}"
            )
        counts[name] = int(count)
    return counts
