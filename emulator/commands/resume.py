"""`resume`: a function that is paused gets its messages."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", metavar="FUNCTION|SUBSCRIPTION")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Resume a function or a subscription."""
    return act(args, "resume", name=args.name)
