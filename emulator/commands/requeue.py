"""`requeue`: publishes dead letters again, to the topic that they came from."""

import argparse

from emulator.dashboard.client import act, add_options, confirm
from emulator.errors import InvalidOption


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="of an upload, or of a dead letter")
    parser.add_argument("--all", action="store_true", help="all dead letters")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Requeue one dead letter, or all."""
    if bool(args.id) == args.all:
        raise InvalidOption("Expected an ID, or --all. `queue` lists the dead letters.")
    if args.id:
        return act(args, "requeue", id=args.id)
    if not confirm(args, "Requeue all dead letters?"):
        return 1
    return act(args, "requeue", all=True)
