"""`up`: the whole cloud, until Ctrl-C."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from emulator import data_folder
from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.options import add_cloud_options, instances_of, port, web_address
from emulator.project import NOTIFIER
from emulator.running import Addresses, announced, only_one
from emulator.topology import Topology
from emulator.topology_file import read_topology

SAMPLE = ROOT / "tests" / "fixtures" / "samples" / "rocket.jpg"
"""A picture to try, which only a checkout has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_cloud_options(parser)
    parser.add_argument("--port", type=port, default=8080, help="port for uploads (default: 8080)")
    parser.add_argument(
        "--notify",
        type=web_address,
        metavar="URL",
        help="push every finished job to this URL, as a Pub/Sub subscription would",
    )
    parser.add_argument("--verbose", action="store_true", help="show all log lines of all parts")


def run(args: argparse.Namespace) -> int:
    """Run the cloud until it is interrupted."""
    started = time.monotonic()
    topology = read_topology()
    console = Console(verbose=args.verbose)
    instances = instances_of(args, topology)
    data_folder.make(args.data)
    with only_one(args.data):
        cloud = Cloud(
            topology,
            args.data,
            console,
            port=args.port,
            broker=args.pubsub,
            instances=instances,
            notify=args.notify,
        )
        try:
            with cloud, announced(args.data, cloud.addresses):
                seconds = time.monotonic() - started
                print(_welcome(topology, cloud.addresses, args, instances, seconds), flush=True)
                while True:
                    time.sleep(3600)
        except KeyboardInterrupt:
            console.say("Stopped. Queued jobs continue with the next `up`.")
    return 0


def _welcome(
    topology: Topology,
    addresses: Addresses,
    args: argparse.Namespace,
    instances: Mapping[str, int],
    seconds: float,
) -> str:
    rows = [
        (name, url, f"{instances[name]} x, functions-framework")
        for name, url in addresses.functions.items()
    ]
    rows.append(("storage", addresses.storage, f"fake-gcs-server, {_short(args.data)}"))
    broker = "Google's emulator" if args.pubsub == "official" else "embedded"
    rows.append(("pubsub", addresses.pubsub, broker))
    rows.extend(
        ("scheduler", schedule.cron, f"calls {schedule.function}")
        for schedule in topology.schedules.values()
    )
    table = "\n".join(f"  {name:9} {where:24} {what}" for name, where, what in rows)
    notified = _notified(args.notify, addresses.keys) if args.notify else ""
    sample = _short(SAMPLE) if SAMPLE.exists() else "PICTURE"
    return (
        f"QuickThumb is up after {seconds:.1f} seconds:\n\n{table}\n\n"
        f"Send it a picture:\n\n  curl -F file=@{sample} {addresses.upload}/\n\n"
        f"{notified}Ctrl-C stops everything."
    )


def _notified(url: str, keys: str) -> str:
    if not keys:
        return f"Finished jobs go to {url}, without a token: Google's emulator has none.\n\n"
    return f"Finished jobs go to {url}, signed as {NOTIFIER}.\nIts keys: {keys}\n\n"


def _short(path: Path) -> str:
    """Return a path relative to the current folder, if it is inside."""
    path = path.resolve()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
