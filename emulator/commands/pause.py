"""`pause`: a function gets no messages, until `resume`; they wait."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", metavar="FUNCTION|SUBSCRIPTION")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Pause a function or a subscription."""
    return act(args, "pause", name=args.name)
