"""`kill`: ends an instance of a function like a crash."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("function", metavar="FUNCTION")
    parser.add_argument(
        "--instance", type=int, metavar="N", help="which one (default: the busiest)"
    )
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Kill an instance; it comes back, and its jobs are delivered again."""
    which = {} if args.instance is None else {"instance": args.instance}
    return act(args, "kill", function=args.function, **which)
