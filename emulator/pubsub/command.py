"""The broker's command line."""

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from emulator.pubsub import __version__
from emulator.pubsub.broker import DEFAULT_PUSH_LIMIT, Broker
from emulator.pubsub.errors import DataInUse, DataUnusable, PortTaken
from emulator.pubsub.rules.errors import JournalFailed

DEFAULT_PORT = 8085

_ADVICE: dict[type[Exception], str] = {
    PortTaken: ". Choose another with --port and --jwks-port.",
    DataInUse: " is in use by another broker. Stop it, or choose another --data.",
    DataUnusable: ". Choose another --data, or remove the folder to start empty.",
    JournalFailed: ". The last acknowledged messages will be redelivered; nothing else is lost.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the broker until it is told to stop.

    Args:
        argv: Command line arguments; None for those of this process.

    Returns:
        Exit status: 0 when it was told to stop, 1 if it could not start or save the last changes.
    """
    options = parse(argv, os.environ)
    try:
        asyncio.run(_run(Broker(**vars(options))))
    except (PortTaken, DataInUse, DataUnusable, JournalFailed) as error:
        print(f"pubsub: {error}{_ADVICE[type(error)]}", file=sys.stderr)
        return 1
    return 0


async def _run(broker: Broker) -> None:
    """Run a broker until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with ExitStack() as cleanup:
        # Not `loop.add_signal_handler`, which Windows does not have.
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            cleanup.callback(signal.signal, number, before)
        async with broker:
            print(
                f"Pub/Sub is ready on {broker.address}; keys of push tokens: {broker.jwks_url}\n"
                f"export PUBSUB_EMULATOR_HOST={broker.address}\n"
                # What Google's emulator says, and Testcontainers waits for.
                f"Server started, listening on {broker.address.rpartition(':')[2]}",
                flush=True,
            )
            await stop.wait()


def parse(argv: Sequence[str] | None, environment: Mapping[str, str]) -> argparse.Namespace:
    """Return the arguments of `Broker` from a command line and the environment."""
    parser = argparse.ArgumentParser(
        prog="python3 -m emulator pubsub",
        description="A local Pub/Sub broker for clients that support PUBSUB_EMULATOR_HOST.",
        epilog="Every option has an environment variable; the command line takes precedence.",
    )

    def add(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = f"QUICKTHUMB_PUBSUB_{name.upper().replace('-', '_')}"
        # argparse converts and checks string defaults like arguments. Scripts often pass an empty
        # variable for "not set".
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=environment.get(variable) or default,
            metavar=kind.__name__.upper(),
            help=f"{text} (${variable})",
        )

    add("host", str, "127.0.0.1", "address or host name to listen on; default %(default)s")
    add("port", int, DEFAULT_PORT, "port of gRPC and REST, 0 for a free one; default %(default)s")
    add("jwks-port", int, 0, "port of the server for the key of push tokens; default: a free one")
    add("data", Path, None, "folder that keeps messages over a restart; default: memory only")
    add(
        "push-limit",
        int,
        DEFAULT_PUSH_LIMIT,
        "most push requests in flight per subscription; default %(default)s",
    )
    add(
        "origins",
        origins,
        (),
        "web pages that may use REST, such as https://app.example, separated by commas; * for all;"
        " default: those of this machine",
    )
    parser.add_argument("--version", action="version", version=f"pubsub {__version__}")
    options = parser.parse_args(argv)
    for name, port in (("--port", options.port), ("--jwks-port", options.jwks_port)):
        if not 0 <= port <= 65535:
            parser.error(f"argument {name}: {port} is not between 0 and 65535")
    if options.push_limit < 1:
        parser.error(f"argument --push-limit: {options.push_limit} is less than 1")
    return options


def origins(text: str) -> tuple[str, ...]:
    """Return origins of web pages from a list that is separated by commas.

    Raises:
        argparse.ArgumentTypeError: If one is not an origin.
    """
    listed = tuple(part for part in (part.strip() for part in text.split(",")) if part)
    for origin in listed:
        if not re.fullmatch(r"\*|null|[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is not an origin: expected a scheme and a host, such as"
                " https://app.example or http://10.0.0.5:3000, without a path"
            )
    return listed
