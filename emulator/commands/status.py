"""`status`: functions and subscriptions of a running `up`, in numbers."""

import argparse
import json
import sys

from emulator.dashboard.client import add_options, dashboard_of, ended
from emulator.dashboard.tables import status
from emulator.terminal import shows_escapes

_HOME_AND_CLEAR = "\033[H\033[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_options(parser)
    parser.add_argument("--watch", action="store_true", help="show every change, until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Print the state, once or with every change."""
    dashboard = dashboard_of(args)
    if not args.watch:
        state = dashboard.state()
        print(json.dumps(state) if args.json else status(state))
        return 0
    for name, state in dashboard.events():
        if name != "state":
            continue
        if args.json:
            print(json.dumps(state), flush=True)
        else:
            clear = _HOME_AND_CLEAR if shows_escapes(sys.stdout) else ""
            print(f"{clear}{status(state)}\n", flush=True)
    print(ended(), file=sys.stderr)
    return 0
