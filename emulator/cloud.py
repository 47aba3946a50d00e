"""The local cloud: its parts, their addresses and settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from emulator import data_folder
from emulator.console import Console
from emulator.dashboard.watching import Watching, letters_of
from emulator.errors import InvalidOption
from emulator.parts.front.visitors import Visitors
from emulator.parts.functions import function_part, variables
from emulator.parts.pubsub import Broker, pubsub_part
from emulator.parts.scheduler import scheduler_part
from emulator.parts.storage import Events, storage_parts
from emulator.parts.tokens import tokens_for
from emulator.ports import HOST, free_port, is_free
from emulator.processes import Part, Supervisor
from emulator.project import bucket_name, topic_path
from emulator.running import Addresses
from emulator.source import Source
from emulator.topology import Function, Subscription, Topology


class Cloud:
    """A context manager that runs storage, Pub/Sub and every function of a topology.

    Args:
        topology: what to run.
        data: folder for blobs and messages; is created if necessary.
        console: receives the log lines of the parts.
        port: of the function that takes pictures; None picks a free one.
        broker: which Pub/Sub.
        instances: number of processes of a function, if not one.
        notify: URL to push finished jobs to, if any.
        source: the code of the functions; None is that of QuickThumb.
        watching: is told what happens, if anybody watches. Dead letters are then kept, too.
        log_requests: whether storage prints each request that it gets.

    Attributes:
        topology: see above.
        source: see above.
        broker: see above.
        notify: see above.
        instances: number of processes of each function.
        paused: names of subscriptions that keep their messages for now.
        addresses: where the parts listen.

    Raises:
        InvalidOption: another program listens on `port`, or on that of a debugger.
        NoTokens: functions require tokens that the broker does not send.
        Unsafe: other users could read or change the data.
        PartFailed, StorageUnusable, OfficialEmulatorMissing: a part cannot run.
    """

    def __init__(
        self,
        topology: Topology,
        data: Path,
        console: Console,
        *,
        port: int | None = None,
        broker: Broker = "embedded",
        instances: Mapping[str, int] | None = None,
        notify: str | None = None,
        source: Source | None = None,
        watching: Watching | None = None,
        log_requests: bool = False,
    ) -> None:
        self.source = source or Source()
        if port is not None:
            _expect_free(port, f"--port {port + 1}")
        for name, debugger in self.source.debuggers.items():
            _expect_free(debugger, f"--debug {name}={debugger + 1}")
        data_folder.make(data)
        data_folder.secure(data)
        self.topology = topology
        self.broker = broker
        self.instances = dict.fromkeys(topology.functions, 1) | dict(instances or {})
        self.paused: set[str] = set()
        self._watching = watching
        self.notify = notify
        self._broker_data = data / "pubsub"
        public = [name for name, each in topology.functions.items() if each.trigger == "http"]
        ports = {name: free_port() for name in topology.functions} | _in_a_row(public, port)
        storage_port, pubsub_port, keys_port = free_port(), free_port(), free_port()
        grpc_port = free_port() if broker == "embedded" else pubsub_port
        settings = {
            name: variables(function, self.source) for name, function in topology.functions.items()
        }
        self.addresses = Addresses(
            {name: f"http://{HOST}:{port}" for name, port in ports.items()},
            f"http://{HOST}:{storage_port}",
            f"{HOST}:{pubsub_port}",
            f"{HOST}:{grpc_port}",
            f"http://{HOST}:{keys_port}/oauth2/v1/certs" if broker == "embedded" else "",
            tokens_for(
                {name: each for name, each in settings.items() if name not in public},
                signed=broker == "embedded",
            ),
            topology.called_by("http") or "",
            topology.project,
        )
        scheduler = scheduler_part(topology, self.addresses, self._broker_data)
        self._functions = [
            self.function_part(name, function, self.instances[name])
            for name, function in topology.functions.items()
        ]
        services = [
            pubsub_part(
                *(broker, pubsub_port, grpc_port, keys_port),
                self._broker_data,
                self.addresses.storage,
                self._make_resources,
            ),
            *storage_parts(
                data,
                storage_port,
                tuple(bucket_name(name, topology.project) for name in topology.buckets),
                Events.of(topology, self.addresses.grpc),
                visitors=Visitors.of(
                    {key: v for name in public for key, v in settings[name].items()}
                ),
                hear=watching.hear_storage(topology) if watching else None,
                log_requests=log_requests,
            ),
        ]
        groups = [[scheduler] if scheduler else [], self._functions, services]
        self._supervisor = Supervisor(groups, console)

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._supervisor.stop()

    def authorization(self, function: str) -> dict[str, str]:
        """Return the header that authorizes a call of a function; empty if it is public."""
        token = self.addresses.tokens.get(function)
        return token.headers(self._broker_data) if token else {}

    def pids(self) -> dict[str, int | None]:
        """Return the process id of each part."""
        return self._supervisor.pids()

    def function_part(self, name: str, function: Function, instances: int) -> Part:
        """Return the part that serves a function."""
        awaited = self.topology.serves_pictures(name)
        return function_part(
            *(name, function, self.addresses, instances),
            awaited=awaited,
            source=self.source,
            watching=self._watching,
        )

    def functions(self) -> Sequence[Part]:
        """Return the parts that serve functions."""
        return self._functions

    def renew(self, parts: Sequence[Part]) -> None:
        """Stop parts and start them anew, as after a change of their code."""
        self._supervisor.renew(parts)

    def push_endpoints(self) -> Mapping[str, str]:
        """Return the URLs to which messages are pushed, by function."""
        return self.addresses.functions

    def send(self, function: str, number: int) -> bool:
        """Send a signal to the server of a function; return False if it does not run."""
        return self._supervisor.send(function, number)

    def set_instances(self, function: str, count: int) -> None:
        """Set how many processes a function has when it is started the next time."""
        self.instances[function] = count
        self._supervisor.change(function, WORKERS=str(count))

    def subscriptions(self) -> dict[str, Any]:
        """Return the `Subscription`s that push, by short name, as they are when not paused."""
        from emulator.parts import pubsub_resources as resources

        return resources.push_subscriptions(
            self.topology, self.addresses, self._endpoints(), self.notify
        )

    def _endpoints(self) -> dict[str, str]:
        return {
            name: self._push_url(subscription)
            for name, subscription in self.topology.subscriptions.items()
        }

    def _make_resources(self) -> None:
        from emulator.parts import pubsub_resources as resources  # slow; the parts start meanwhile

        resources.make_resources(
            *(self.topology, self.addresses, self._endpoints(), self.notify),
            letters=letters_of(self.topology) if self._watching else {},
            paused=self.paused,
        )

    def _push_url(self, subscription: Subscription) -> str:
        url = self.push_endpoints()[subscription.push_to]
        # functions-framework learns from the path what to write into a CloudEvent as its source.
        topic = topic_path(subscription.topic, self.topology.project)
        return url if self.source.is_ours else f"{url}/{topic}"


def _expect_free(port: int, other: str) -> None:
    if not is_free(port):
        raise InvalidOption(
            f"Port {port} is taken by another program. Stop it or choose another port: {other}"
        )


def _in_a_row(functions: Sequence[str], first: int | None) -> dict[str, int]:
    """Give functions ports, from the first on: those that are free. None gives none."""
    ports: dict[str, int] = {}
    if first is None:
        return ports
    free = filter(is_free, range(first, 65536))
    for name, port in zip(functions, free, strict=False):
        ports[name] = port
    return ports
