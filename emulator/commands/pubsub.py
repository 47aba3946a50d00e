"""`pubsub`: the broker alone, a program of its own with its own options."""

import argparse

from emulator.pubsub.command import main


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Describe no options: the broker does that itself."""


def run(args: argparse.Namespace) -> int:
    """Run the broker until it is told to stop."""
    return main(args.broker)
