"""The command line. Standard library only, so that help needs no installation."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import FrameType

from emulator import __version__, proxies
from emulator.bootstrap import ROOT
from emulator.errors import EmulatorError
from emulator.project import FILES, PROGRAM

GROUPS = {
    "run": {
        "up": "run the whole cloud until Ctrl-C",
        "thumb": "make thumbnails of files and folders through the whole pipeline",
        "sweep": "retry lost jobs, and process pictures that were already in the bucket",
        "load": "send pictures at a fixed rate, and report how long thumbnails take",
    },
    "look into a running `up`": {
        "status": "show functions and subscriptions in numbers",
        "watch": "show what happens, a line each",
        "queue": "list messages that wait, are in flight, or have died",
    },
    "steer a running `up`": {
        "pause": "let messages of a function or subscription wait",
        "resume": "let a paused function or subscription go on",
        "scale": "change how many instances of a function run",
        "kill": "end an instance of a function like a crash",
        "slow": "let each job take longer, to see the queue",
        "poison": "send a picture that kills its process, and a message that is nonsense",
        "redeliver": "publish a message once more",
        "requeue": "publish dead letters again",
        "purge": "drop the messages of a subscription",
    },
    "develop": {
        "env": "print the environment of the functions, for `eval`, to run one by hand",
        "pubsub": "run only the embedded Pub/Sub, for any project",
        "test": "run tests, lint and type checks",
        "lock": "update the locks: the versions and hashes of all packages",
    },
}
"""Commands and their summaries, by what they are for."""

COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}
"""Summaries. The modules in `emulator.commands` are imported when needed."""

_IN_A_CHECKOUT = ("test", "lock")
"""Commands that need the project's own files, which an installed package does not have."""

_PASSING_ON = ("test", "pubsub")
"""Commands that pass unknown options on to pytest or the broker."""

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EIO)
"""Why output cannot be written: the disk is full, or fails."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 141 nobody reads on.
    """
    for number in _ends():
        signal.signal(number, _interrupt)
    proxies.pass_by(os.environ)
    try:
        if hasattr(signal, "pthread_sigmask"):  # `bootstrap` has blocked it
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        status = _status(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        status = 130
    # Python waits for its threads now: a signal ends that, without a traceback.
    for number in _ends():
        signal.signal(number, signal.SIG_DFL)
    return status


def _ends() -> Iterator[signal.Signals]:
    """Yield the signals that end a command in order, on this system."""
    # SIGINT too, although background jobs of a shell ignore it by default.
    yield from (signal.SIGINT, signal.SIGTERM)
    for name in ("SIGHUP", "SIGBREAK"):  # the terminal is closed; Ctrl-Break on Windows
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:  # as by `nohup`
            yield number


def _status(arguments: list[str]) -> int:
    """Run a command and write all that it has printed; return the exit status."""
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # as by `| head -1`
        _print_no_more()
        return 141
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _print_no_more()
        print(f"The output could not be written: {error.strerror}.", file=sys.stderr)
        return 1


def _print_no_more() -> None:
    """Keep Python from writing again at its end, and from telling that it failed again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    names = [name for name in COMMANDS if name not in _IN_A_CHECKOUT or FILES == ROOT]
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] COMMAND …",
        description=_overview(names),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"quickthumb {__version__}")
    if not arguments:
        arguments = ["--help"]
    commands = parser.add_subparsers(
        prog=PROGRAM, required=True, metavar="COMMAND", dest="command", help=argparse.SUPPRESS
    )
    for name in names:
        summary = COMMANDS[name]
        command = commands.add_parser(
            name,
            description=f"{summary[0].upper()}{summary[1:]}.",
            add_help=name != "pubsub",
        )
        if name in arguments[:1]:
            implementation = import_module(f"emulator.commands.{name}")
            implementation.add_arguments(command)
            command.set_defaults(run=implementation.run)
    args, unknown = parser.parse_known_args(arguments)
    if unknown and args.command not in _PASSING_ON:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.pytest = args.broker = unknown
    return int(args.run(args))


def _overview(names: Sequence[str]) -> str:
    """Return the commands with their summaries, in groups."""
    width = max(map(len, names))
    groups = (
        [f"{title}:", *(f"  {name:{width}}  {group[name]}" for name in group if name in names)]
        for title, group in GROUPS.items()
    )
    listed = "\n\n".join("\n".join(lines) for lines in groups)
    return f"QuickThumb, run locally. COMMAND --help shows the options of a command.\n\n{listed}"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
