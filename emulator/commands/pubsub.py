"""`pubsub`: only the broker, which has its own options."""

import argparse

from emulator.project import PROGRAM
from emulator.pubsub.command import main


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: the broker parses its own options."""


def run(args: argparse.Namespace) -> int:
    """Run the broker until it is stopped."""
    return main(args.broker, f"{PROGRAM} pubsub")
