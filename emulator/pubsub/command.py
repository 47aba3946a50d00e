"""The command line of the broker alone."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.pubsub.journal.journal import DataInUse, JournalFailed
from emulator.pubsub.server import Addresses, DataUnusable, Options, PortTaken, run

DEFAULT_PORT = 8085
# Below the backlog of the smallest servers in use (128), so that a burst is never refused.
DEFAULT_PUSH_LIMIT = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run the broker until it is told to stop.

    Args:
        argv: Arguments of the command line; those of this process if None.

    Returns:
        Exit status: 0 when it was told to stop, 1 when it could not start.
    """
    options = _options(argv, os.environ)
    try:
        asyncio.run(run(options, _announce))
    except PortTaken as error:
        return _complain(f"{error}. Choose another with --port and --jwks-port.")
    except DataInUse as error:
        return _complain(
            f"{error} is in use by another broker. Stop that, or choose another --data."
        )
    except DataUnusable as error:
        return _complain(f"{error}. Choose another --data, or remove that folder to start empty.")
    except JournalFailed as error:
        return _complain(
            f"{error}. What was acknowledged last will be delivered again; nothing else is lost."
        )
    return 0


def _options(argv: Sequence[str] | None, environment: Mapping[str, str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="python3 -m emulator pubsub",
        description="A local Pub/Sub for every client that knows PUBSUB_EMULATOR_HOST.",
        epilog="Every option has an environment variable; the command line wins.",
    )

    def add(name: str, kind: type, default: object, text: str) -> None:
        variable = f"QUICKTHUMB_PUBSUB_{name.upper().replace('-', '_')}"
        # A default that is a string is converted and checked as if it were typed. An empty variable
        # is what scripts leave where they have nothing to say.
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=environment.get(variable) or default,
            metavar=kind.__name__.upper(),
            help=f"{text} (${variable})",
        )

    add("host", str, "127.0.0.1", "address to listen on; default %(default)s")
    add("port", int, DEFAULT_PORT, "port of the gRPC API, 0 for a free one; default %(default)s")
    add("jwks-port", int, 0, "port that serves the key of push tokens; default: a free one")
    add("data", Path, None, "folder in which messages survive; default: memory only")
    add(
        "push-limit",
        int,
        DEFAULT_PUSH_LIMIT,
        "most push requests in flight for a subscription; default %(default)s",
    )
    options = Options(**vars(parser.parse_args(argv)))
    for name, port in (("--port", options.port), ("--jwks-port", options.jwks_port)):
        if not 0 <= port <= 65535:
            parser.error(f"argument {name}: {port} is not between 0 and 65535")
    if options.push_limit < 1:
        parser.error(f"argument --push-limit: {options.push_limit} is less than 1")
    return options


def _announce(addresses: Addresses) -> None:
    print(
        f"Pub/Sub is ready on {addresses.grpc}; keys of push tokens: {addresses.jwks}\n"
        f"export PUBSUB_EMULATOR_HOST={addresses.grpc}",
        flush=True,
    )


def _complain(problem: str) -> int:
    print(f"pubsub: {problem}", file=sys.stderr)
    return 1
