"""Options that several commands share."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from emulator.bootstrap import ROOT
from emulator.env_file import read_env_file
from emulator.errors import InvalidOption
from emulator.project import FILES
from emulator.source import Source, entry_file, find_python
from emulator.topology import Function, Topology
from emulator.topology_file import TOPOLOGY, read_topology

FIRST_DEBUGGER = 5678
"""The port on which editors expect debugpy, unless told."""

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


def add_app_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose what runs: QuickThumb, or functions of the user."""
    parser.set_defaults(data=None)
    parser.add_argument(
        "--topology",
        type=Path,
        metavar="FILE",
        help="run what this file describes, and keep data in .data beside it unless told",
    )
    parser.add_argument(
        "--source", type=Path, metavar="DIR", help="folder with main.py, which defines functions"
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help="interpreter or virtual environment of the functions (default: .venv or venv in the "
        "folder, else the environment that is activated)",
    )


def topology_of(args: argparse.Namespace) -> Topology:
    """Return the topology that the options name.

    Raises:
        InvalidTopology: it is wrong.
        InvalidOption: there are functions to run, but no file tells what calls them.
    """
    if args.source and not args.topology:
        raise InvalidOption(
            f"--source {args.source}: expected --topology FILE too, which names the functions and "
            "what calls them"
        )
    return read_topology(args.topology or TOPOLOGY)


def source_of(args: argparse.Namespace, env_files: Sequence[Path] = ()) -> Source:
    """Return the code that the options name.

    Args:
        args: the options.
        env_files: files with variables for it; later ones win.

    Raises:
        SourceUnusable: there is no such code, or no Python to run it with.
        InvalidEnvFile: a file with variables is wrong.
        InvalidOption: a Python is given for functions that are not.
    """
    variables: dict[str, str] = {}
    for each in env_files:
        variables |= read_env_file(each)
    if not args.source:
        if args.python:
            raise InvalidOption(f"--python {args.python}: expected --source DIR too")
        return Source(variables=variables)
    file = entry_file(args.source)
    return Source(file, find_python(file.parent, args.python), variables)


def data_of(args: argparse.Namespace) -> Path:
    """Return the data folder: a topology of the user's own has one of its own."""
    if args.data is not None:
        return Path(args.data)
    return args.topology.parent / ".data" if args.topology else DEFAULT_DATA


def debuggers(options: list[str], topology: Topology) -> dict[str, int]:
    """Return the port of the debugger of each function that is to be debugged.

    Raises:
        InvalidOption: a function is unknown, or a port is invalid or used twice.
    """
    found: dict[str, int] = {}
    for text in options:
        name, _, number = text.partition("=")
        _expect_function(f"--debug {text}", name, topology)
        try:
            found[name] = port(number) if number else FIRST_DEBUGGER
        except argparse.ArgumentTypeError as error:
            raise InvalidOption(f"--debug {text}: {error}") from None
    if len(set(found.values())) < len(found):
        raise InvalidOption(
            "--debug: each function needs a port of its own, such as "
            + " ".join(f"--debug {name}={FIRST_DEBUGGER + i}" for i, name in enumerate(found))
        )
    return found


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
        function = _expect_function(f"--instances {text}", name, topology)
        if not count.isdecimal() or not 1 <= int(count) <= function.max_instances:
            raise InvalidOption(
                f"--instances {text}: expected a number from 1 to {function.max_instances}"
            )
        counts[name] = int(count)
    return counts


def _expect_function(option: str, name: str, topology: Topology) -> Function:
    if name not in topology.functions:
        known = ", ".join(topology.functions)
        raise InvalidOption(f"{option}: unknown function {name!r}: expected {known}")
    return topology.functions[name]
