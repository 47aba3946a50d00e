"""Puts the dashboard together: what `up` runs beside a cloud."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.dashboard.actions import Actions
from emulator.dashboard.buckets import Buckets
from emulator.dashboard.lines import line
from emulator.dashboard.pubsub import PubSub, listen
from emulator.dashboard.records import Event
from emulator.dashboard.server import PORT, Api, Server
from emulator.dashboard.state import State
from emulator.dashboard.watching import Watching
from emulator.errors import InvalidOption
from emulator.project import bucket_name


def bind(port: int | None) -> Server:
    """Return a server that listens, but does not answer yet.

    Args:
        port: to listen on; None for the usual one, or a free one if that is taken.

    Raises:
        InvalidOption: another program listens on `port`.
    """
    for candidate in (PORT, 0) if port is None else (port,):
        try:
            return Server(candidate)
        except OSError:
            continue
    raise InvalidOption(
        f"Port {port} is taken by another program. Stop it or choose another port: "
        f"--dashboard-port {(port or 0) + 1}"
    )


@contextmanager
def controlled(
    cloud: Cloud, watching: Watching, server: Server, console: Console
) -> Iterator[None]:
    """Answer requests about a running cloud, and show on the console what happens in it."""
    topology, addresses = cloud.topology, cloud.addresses
    pubsub = PubSub(addresses.pubsub, topology.project, tells=cloud.broker == "embedded")
    actions = Actions(cloud, watching, pubsub)
    names = {name: bucket_name(name, topology.project) for name in topology.buckets}
    buckets = Buckets(addresses.storage, names)
    stopped = threading.Event()

    def show(event: Event) -> None:
        if not stopped.is_set() and (told := line(event)):
            console.line(*told)

    threading.Thread(
        target=listen, args=(pubsub, watching.flow.told, stopped.is_set), daemon=True
    ).start()
    watching.flow.listen(show)
    server.start(Api(watching.flow, State(cloud, watching, pubsub), actions, buckets, pubsub))
    try:
        yield
    finally:
        stopped.set()
        actions.close()
        server.close()
        pubsub.close()
