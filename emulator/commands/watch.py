"""`watch`: what happens in a running `up`, a line each."""

import argparse
import json
import sys

from emulator.dashboard.client import add_options, dashboard_of, ended
from emulator.dashboard.lines import clock, line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print what happens, until Ctrl-C or the end of `up`."""
    dashboard, listens = dashboard_of(args), False
    for name, events in dashboard.events():
        if not listens:
            print(f"Watching {dashboard.url}, until Ctrl-C.", file=sys.stderr, flush=True)
            listens = True
        if name != "flow":
            continue
        for event in sorted(events, key=lambda each: float(each["time"])):
            if args.json:
                print(json.dumps(event), flush=True)
            elif told := line(event, all=True):
                print(f"{clock(event['time'])} {told[0]:10} | {told[1]}", flush=True)
    print(ended(), file=sys.stderr)
    return 0
