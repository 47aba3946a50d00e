"""`poison`: sends a picture that kills its process, and a message that is nonsense."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "subscription",
        nargs="?",
        default="",
        metavar="SUBSCRIPTION",
        help="whose function gets it (default: the first with dead letters)",
    )
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Send poison; both are dead letters within a minute."""
    return act(args, "poison", subscription=args.subscription)
