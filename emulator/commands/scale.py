"""`scale`: changes how many instances of a function run."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("wanted", type=_wanted, metavar="FUNCTION=N", help="such as resize=4")
    add_options(parser)


def _wanted(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if not (name and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected FUNCTION=N, such as resize=4")
    return name, int(count)


def run(args: argparse.Namespace) -> int:
    """Start or end instances; return when there are as many as wanted."""
    name, count = args.wanted
    return act(args, "scale", function=name, instances=count)
