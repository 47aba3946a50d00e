"""`up`: the whole cloud, until Ctrl-C."""

import argparse
import time
import webbrowser
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path

from emulator import data_folder
from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.dashboard.control import bind, controlled
from emulator.dashboard.controls import MOST_SLOW
from emulator.dashboard.watching import Watching
from emulator.options import (
    add_app_options,
    add_cloud_options,
    data_of,
    debuggers,
    instances_of,
    port,
    source_of,
    topology_of,
    web_address,
)
from emulator.parts.reload import reloading
from emulator.ports import HOST
from emulator.project import NOTIFIER
from emulator.running import Addresses, announced, only_one
from emulator.source import Source
from emulator.topology import Topology

SAMPLE = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"
"""A picture to try, which only a checkout has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_cloud_options(parser)
    add_app_options(parser)
    parser.add_argument(
        "--env-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="set the variables in this file for all functions; may be repeated",
    )
    parser.add_argument(
        "--reload", action="store_true", help="restart the functions when their code changes"
    )
    parser.add_argument(
        "--debug",
        action="append",
        default=[],
        metavar="NAME[=PORT]",
        help="let a debugger attach to a function (default port: 5678); needs debugpy",
    )
    parser.add_argument(
        "--port",
        type=port,
        default=8080,
        help="port of the first function that is called over HTTP (default: 8080)",
    )
    parser.add_argument(
        "--notify",
        type=web_address,
        metavar="URL",
        help="push every finished job to this URL, as a Pub/Sub subscription would",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--dashboard-port",
        type=port,
        metavar="PORT",
        help="port of the dashboard (default: 8090, or a free one if that is taken)",
    )
    parser.add_argument(
        "--slow",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="let each job take so much longer, to see the queue",
    )
    parser.add_argument("--verbose", action="store_true", help="show all log lines of all parts")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SLOW:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a number of seconds from 0 to {MOST_SLOW:.0f}"
        )
    return seconds


def run(args: argparse.Namespace) -> int:
    """Run the cloud until it is interrupted."""
    started = time.monotonic()
    topology = topology_of(args)
    source = replace(source_of(args, args.env_file), debuggers=debuggers(args.debug, topology))
    console = Console(verbose=args.verbose)
    instances = instances_of(args, topology)
    if not source.is_ours or source.debuggers:
        source.check()
    data = data_of(args)
    data_folder.make(data)
    with only_one(data), closing(bind(args.dashboard_port)) as server:
        watching = Watching.of(topology, data)
        for name, function in topology.functions.items():
            if function.trigger == "pubsub":
                watching.controls.slow[name] = args.slow
        cloud = Cloud(
            topology,
            data,
            console,
            port=args.port,
            broker=args.pubsub,
            instances=instances,
            notify=args.notify,
            source=source,
            watching=watching,
        )
        cloud.addresses = replace(cloud.addresses, dashboard=server.url)
        try:
            with (
                watching.controls.written(),
                cloud,
                announced(data, cloud.addresses),
                _reloading(args, cloud, console, data),
            ):
                seconds = time.monotonic() - started
                print(_welcome(topology, cloud, args, instances, seconds), flush=True)
                if args.open:
                    _open(cloud.addresses, console)
                with controlled(cloud, watching, server, console):
                    while True:
                        time.sleep(1)  # a signal just before the sleep is handled only after it
        except KeyboardInterrupt:
            console.say("Stopped. Queued jobs continue with the next `up`.")
    return 0


def _reloading(
    args: argparse.Namespace, cloud: Cloud, console: Console, data: Path
) -> AbstractContextManager[None]:
    if not args.reload:
        return nullcontext()
    targets = {name: each.entry_point for name, each in cloud.topology.functions.items()}
    return reloading(cloud.source, targets, cloud.functions(), cloud.renew, console, data)


def _welcome(
    topology: Topology,
    cloud: Cloud,
    args: argparse.Namespace,
    instances: Mapping[str, int],
    seconds: float,
) -> str:
    addresses, source = cloud.addresses, cloud.source
    rows = [
        (name, url, _served(name, instances[name], source))
        for name, url in addresses.functions.items()
    ]
    rows.append(("storage", addresses.storage, f"fake-gcs-server, {_short(data_of(args))}"))
    broker = "Google's emulator" if args.pubsub == "official" else "embedded"
    rows.append(("pubsub", addresses.pubsub, broker))
    rows.append(("dashboard", addresses.dashboard, "what happens; commands: status, watch, queue"))
    rows.extend(
        ("scheduler", schedule.cron, f"calls {schedule.function}")
        for schedule in topology.schedules.values()
    )
    width = max(9, *(len(name) for name, _, _ in rows))
    table = "\n".join(f"  {name:{width}} {where:24} {what}" for name, where, what in rows)
    notified = _notified(args.notify, addresses.keys) if args.notify else ""
    name = "QuickThumb" if source.is_ours else _short(source.folder)
    return (
        f"{name} is up after {seconds:.1f} seconds:\n\n{table}\n\n"
        f"{_first_call(addresses, source)}{notified}Ctrl-C stops everything."
    )


def _served(name: str, instances: int, source: Source) -> str:
    if name in source.debuggers:
        return f"1 x, debugger at {HOST}:{source.debuggers[name]}"
    return f"{instances} x, functions-framework"


def _first_call(addresses: Addresses, source: Source) -> str:
    if not addresses.entrance:
        return ""
    if source.is_ours:
        sample = _short(SAMPLE) if SAMPLE.exists() else "PICTURE"
        return (
            f"Open this address in a browser:\n\n  {addresses.upload}/\n\n"
            f"Or send it a picture:\n\n  curl -F file=@{sample} {addresses.upload}/\n\n"
        )
    return f"Call it, or open the address in a browser:\n\n  curl {addresses.upload}/\n\n"


def _open(addresses: Addresses, console: Console) -> None:
    """Open the page in a browser."""
    if not addresses.entrance:
        console.say("--open: no function is called over HTTP, so there is nothing to open.")
    elif not webbrowser.open(f"{addresses.upload}/"):
        console.say("--open: found no browser. Open the address above in one.")


def _notified(url: str, keys: str) -> str:
    if not keys:
        return f"Finished jobs go to {url}, without a token: Google's emulator has none.\n\n"
    return f"Finished jobs go to {url}, signed as {NOTIFIER}.\nIts keys: {keys}\n\n"


def _short(path: Path) -> str:
    """Return a path relative to the current folder, if it is inside."""
    path = path.resolve()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
