"""The command line."""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from emulator import by_hand, checks, thumb, up
from emulator.errors import EmulatorError

_COMMANDS = {
    "up": (up, "run the whole cloud until Ctrl-C"),
    "thumb": (thumb, "make thumbnails of files and folders through the whole pipeline"),
    "env": (by_hand, "print what a function needs to be run by hand, for `eval`"),
    "test": (checks, "run tests, lint and types"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog="python3 -m emulator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, summary) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary}.")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    # Both, since a shell that starts this in the background has Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return int(args.run(args))
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
