"""`redeliver`: publishes a message once more."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("id", metavar="ID", help="of an upload, or of a message")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Publish the latest job of an upload, or a message, once more."""
    return act(args, "redeliver", id=args.id)
