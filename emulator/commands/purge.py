"""`purge`: drops the messages of a subscription."""

import argparse

from emulator.dashboard.client import act, add_options, confirm
from emulator.errors import InvalidOption


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", nargs="?", metavar="FUNCTION|SUBSCRIPTION")
    parser.add_argument("--all", action="store_true", help="those of all subscriptions")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Drop all messages that were published before now, whether they wait or are in flight."""
    if bool(args.name) == args.all:
        raise InvalidOption("Expected a subscription or a function, or --all.")
    whose = args.name or "all subscriptions"
    if not confirm(args, f"Drop the messages of {whose}?"):
        return 1
    return act(args, "purge", **({"name": args.name} if args.name else {"all": True}))
