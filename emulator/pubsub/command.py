"""The broker's command line."""

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from emulator.pubsub import __version__
from emulator.pubsub.broker import DEFAULT_PUSH_LIMIT, Broker
from emulator.pubsub.errors import DataInUse, DataUnusable, PortTaken, TopologyInvalid
from emulator.pubsub.rules.errors import JournalFailed
from emulator.pubsub.topology import Topology, read_file, read_variables

DEFAULT_PORT = 8085

VARIABLES = "PUBSUB_BROKER_"
"""What the names of the options' variables begin with; clients read PUBSUB_EMULATOR_HOST."""

_ENDS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Signals that end the broker in order, where the system has them."""

_ADVICE: dict[type[Exception], str] = {
    PortTaken: ". Choose another with --port, --grpc-port or --jwks-port.",
    DataInUse: " is in use by another broker. Stop it, or choose another --data.",
    DataUnusable: ". Choose another --data, or remove the folder to start empty.",
    TopologyInvalid: "",
    JournalFailed: ". The last acknowledged messages will be redelivered; nothing else is lost.",
}


def main(argv: Sequence[str] | None = None, program: str = "pubsub-emulator") -> int:
    """Run the broker until it is told to stop.

    Args:
        argv: Command line arguments; None for those of this process.
        program: What the user has typed to run it.

    Returns:
        Exit status: 0 when it was told to stop, 1 if it could not start or save the last changes.
    """
    options = parse(argv, os.environ, program)
    try:
        options.topology = _topology(options.topology, os.environ)
        asyncio.run(_run(Broker(**vars(options))))
    except tuple(_ADVICE) as error:
        print(f"pubsub: {error}{_ADVICE[type(error)]}", file=sys.stderr)
        return 1
    return 0


async def _run(broker: Broker) -> None:
    """Run a broker until it is asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with ExitStack() as cleanup:
        for number in filter(None, (getattr(signal, name, None) for name in _ENDS)):
            before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            cleanup.callback(signal.signal, number, before)
        async with broker:
            print(
                f"Pub/Sub is ready on {broker.address}; keys of push tokens: {broker.jwks_url}\n"
                f"export PUBSUB_EMULATOR_HOST={broker.address}\n"
                f"{_grpc_alone(broker)}"
                # What Google's emulator says, and Testcontainers waits for.
                f"Server started, listening on {broker.address.rpartition(':')[2]}",
                flush=True,
            )
            # Wakes up each second: a signal just before a wait is handled only after it.
            while not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1)


def _grpc_alone(broker: Broker) -> str:
    if broker.grpc_port is None:
        return ""
    return f"gRPC alone is on {broker.grpc_address}\n"


def _topology(file: Path | None, environment: Mapping[str, str]) -> Topology:
    """Return what a file and the variables `PUBSUB_PROJECT…` describe.

    Raises:
        TopologyInvalid: If one of them is not valid.
    """
    described = read_file(file) if file else Topology()
    return described + read_variables(environment)


def parse(
    argv: Sequence[str] | None, environment: Mapping[str, str], program: str = "pubsub-emulator"
) -> argparse.Namespace:
    """Return the arguments of `Broker` from a command line and the environment."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="A local Pub/Sub broker for clients that support PUBSUB_EMULATOR_HOST.",
        epilog="Every option has an environment variable; the command line takes precedence."
        " Topics and subscriptions are also created from PUBSUB_PROJECT1, PUBSUB_PROJECT2 and so"
        " on: PROJECT,TOPIC:SUBSCRIPTION:SUBSCRIPTION+ENDPOINT,TOPIC",
    )

    def add(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = f"{VARIABLES}{name.upper().replace('-', '_')}"
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
    add(
        "grpc-port",
        int,
        None,
        "another port, for gRPC alone, which is faster; 0 for a free one; default: none",
    )
    add(
        "jwks-port",
        int,
        0,
        "port of the server for the key of push tokens and /metrics; default: a free one",
    )
    add("data", Path, None, "folder that keeps messages over a restart; default: memory only")
    add(
        "push-limit",
        int,
        DEFAULT_PUSH_LIMIT,
        "most push requests in flight per subscription; default %(default)s",
    )
    add("topology", Path, None, "YAML or JSON file with schemas, topics and subscriptions")
    add(
        "storage",
        str,
        environment.get("STORAGE_EMULATOR_HOST") or None,
        "emulator of Cloud Storage that Cloud Storage subscriptions write to; default:"
        " $STORAGE_EMULATOR_HOST",
    )
    add(
        "origins",
        origins,
        (),
        "web pages that may use REST, such as https://app.example, separated by commas; * for all;"
        " default: those of this machine",
    )
    parser.add_argument("--version", action="version", version=f"pubsub-emulator {__version__}")
    options = parser.parse_args(argv)
    for name in ("port", "grpc-port", "jwks-port"):
        port = getattr(options, name.replace("-", "_"))
        if port is not None and not 0 <= port <= 65535:
            parser.error(f"argument --{name}: {port} is not between 0 and 65535")
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
