"""`slow`: lets each job take longer, to see the queue."""

import argparse

from emulator.dashboard.client import act, add_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("seconds", type=_number, metavar="SECONDS", help="0 for no longer")
    parser.add_argument("--function", metavar="NAME", help="only of this one (default: all)")
    add_options(parser)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds") from None


def run(args: argparse.Namespace) -> int:
    """Change how much longer jobs take from now on."""
    which = {"function": args.function} if args.function else {}
    return act(args, "slow", seconds=args.seconds, **which)
