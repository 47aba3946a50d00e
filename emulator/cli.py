"""The command line."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

from emulator.errors import EmulatorError

_ABOUT = "QuickThumb and its cloud on this machine: no account, no Docker, no Java."

_COMMANDS = {
    "up": "run the whole cloud until Ctrl-C",
    "thumb": "make thumbnails of files and folders through the whole pipeline",
    "sweep": "see to what was lost, and to pictures that lay in the bucket before",
    "env": "print what a function needs to be run by hand, for `eval`",
    "test": "run tests, lint and types",
    "lock": "write down which packages are installed, with their hashes",
    "pubsub": "run the embedded Pub/Sub alone, for any project",
}
"""What each command does; its module in `emulator.commands` is imported only when it is run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    # Both, since a shell that starts this in the background has Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["pubsub"]:  # a program of its own, with its own options
        from emulator.pubsub.command import main as run_broker

        return run_broker(arguments[1:])
    parser = argparse.ArgumentParser(prog="python3 -m emulator", description=_ABOUT)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary}.")
        if name in arguments[:1]:
            implementation = import_module(f"emulator.commands.{name}")
            implementation.add_arguments(command)
            command.set_defaults(run=implementation.run)
    args, unknown = parser.parse_known_args(arguments)
    if arguments[:1] == ["test"]:  # whose own options are pytest's
        args.pytest = unknown
    elif unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return int(args.run(args))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
