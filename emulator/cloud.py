"""The cloud on one machine: which parts there are, where they listen, what they are told."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from emulator import data_folder
from emulator.bootstrap import ROOT
from emulator.console import Console
from emulator.errors import NoTokens, PartFailed, PortTaken, StorageUnusable
from emulator.parts.front.visitors import Visitors
from emulator.parts.pubsub import official_command
from emulator.parts.scheduler import Job
from emulator.parts.storage import Events, storage_parts
from emulator.parts.tokens import PushToken, asks_for_tokens, push_token
from emulator.ports import HOST, answers, free_port, is_free
from emulator.processes import Part, Supervisor
from emulator.topology import Function, Reference, Topology

PROJECT = "quickthumb"
SOURCE = ROOT / "functions" / "main.py"
TOPOLOGY = ROOT / "infra" / "topology.yaml"

NOTIFIER = f"notify@{PROJECT}.iam.gserviceaccount.com"
"""As whom the pushes of finished jobs are signed."""

Broker = Literal["embedded", "official"]

_NOT_INHERITED = ("DEBUG", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_USE_ASGI")
"""Variables by which functions-framework would run something else than the topology says."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts listen.

    Attributes:
        functions: URL of each function.
        storage: URL.
        pubsub: host:port.
        keys: URL of the keys that verify tokens of pushes; empty where Google's emulator runs,
            which sends none.
        tokens: what those functions want with a call that not everybody may call.
    """

    functions: Mapping[str, str]
    storage: str
    pubsub: str
    keys: str = ""
    tokens: Mapping[str, PushToken] = field(default_factory=dict)

    @property
    def upload(self) -> str:
        """Where to send pictures."""
        return self.functions["upload"]


class Cloud:
    """Storage, Pub/Sub and every function of a topology, running while it is entered.

    Args:
        topology: what to run.
        data: folder for blobs and messages, made where it does not exist.
        console: where the parts' lines go.
        port: of the function `upload`; None takes a free one.
        broker: which Pub/Sub.
        instances: how many of a function, where not one.
        notify: URL to which finished jobs are pushed; None tells nobody.

    Raises:
        PortTaken: another program listens on `port`.
        NoTokens: functions expect tokens that the broker does not send.
        Unsafe: what lies in `data` would have others read or write what is the user's.
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
    ) -> None:
        if port is not None and not is_free(port):
            raise PortTaken(
                f"Port {port} is taken by another program. Stop that, or choose another port: "
                f"--port {port + 1}"
            )
        data_folder.make(data)
        data_folder.secure(data)
        self._topology = topology
        self._data = data
        self._notify = notify
        ports = {name: free_port() for name in topology.functions}
        if port is not None:
            ports["upload"] = port
        storage_port, pubsub_port, keys_port = free_port(), free_port(), free_port()
        self.addresses = Addresses(
            {name: f"http://{HOST}:{port}" for name, port in ports.items()},
            f"http://{HOST}:{storage_port}",
            f"{HOST}:{pubsub_port}",
            f"http://{HOST}:{keys_port}/oauth2/v1/certs" if broker == "embedded" else "",
            _tokens(topology, broker),
        )
        functions = [
            self._function_part(name, function, ports[name], (instances or {}).get(name, 1))
            for name, function in topology.functions.items()
        ]
        buckets = tuple(bucket_name(name) for name in topology.buckets)
        public = [each for each in topology.functions.values() if each.trigger == "http"]
        visitors = Visitors.of({key: v for each in public for key, v in _variables(each).items()})
        services = [
            self._pubsub_part(broker, pubsub_port, keys_port, data / "pubsub"),
            *storage_parts(
                data,
                storage_port,
                buckets,
                self._events(),
                visitors=visitors,
                log_requests=console.verbose,
            ),
        ]
        self._supervisor = Supervisor([self._scheduler_parts(), functions, services], console)

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._supervisor.stop()

    def authorization(self, function: str) -> dict[str, str]:
        """Return the header that lets somebody call a function which not everybody may call."""
        token = self.addresses.tokens.get(function)
        return token.headers(self._data / "pubsub") if token else {}

    def pids(self) -> dict[str, int | None]:
        """Return the process of each part."""
        return self._supervisor.pids()

    def _function_part(self, name: str, function: Function, port: int, instances: int) -> Part:
        inherited = {key: text for key, text in os.environ.items() if key not in _NOT_INHERITED}
        return Part(
            name,
            [
                *(sys.executable, "-m", "functions_framework", "--source", str(SOURCE)),
                *("--target", function.entry_point, "--host", HOST, "--port", str(port)),
            ],
            is_ready=lambda: is_healthy(port) if function.trigger == "http" else answers(port),
            env={
                **inherited,
                **environment(function, self.addresses, self.addresses.tokens.get(name)),
                # What Cloud Run enforces from outside, as far as the framework can. With a single
                # thread gunicorn takes its sync worker, which waits up to two seconds after each
                # answer for the client to close a connection that clients mean to keep.
                "THREADS": str(max(2, function.concurrency)),
                "WORKERS": str(instances),
                "CLOUD_RUN_TIMEOUT_SECONDS": str(function.timeout_seconds),
            },
            matters=lambda line: not line.startswith(("INFO ", "DEBUG ")),
            awaited=self._topology.serves_pictures(name),
        )

    def _pubsub_part(self, broker: Broker, port: int, keys_port: int, data: Path) -> Part:
        if broker == "official":
            command = official_command(port)
        else:
            command = [
                *(sys.executable, "-m", "emulator.pubsub"),
                *("--host", HOST, "--port", str(port), "--jwks-port", str(keys_port)),
                *("--data", str(data)),
            ]
        return Part(
            "pubsub",
            command,
            is_ready=lambda: answers(port),
            on_ready=self._make_pubsub_resources,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def _events(self) -> Events | None:
        """Return which blobs storage is to tell of.

        Raises:
            StorageUnusable: the topology has it tell of more than one bucket.
        """
        notifying = {
            name: bucket.notify for name, bucket in self._topology.buckets.items() if bucket.notify
        }
        if len(notifying) > 1:
            raise StorageUnusable(
                f"Buckets {', '.join(notifying)} notify a topic each; fake-gcs-server can tell of "
                "one bucket only. Leave `notify` to one of them in infra/topology.yaml."
            )
        for name, notify in notifying.items():
            bucket = bucket_name(name)
            return Events(bucket, notify.prefix, PROJECT, notify.topic, self.addresses.pubsub)
        return None

    def _scheduler_parts(self) -> list[Part]:
        """Return the part that calls functions at set times, if the topology has any."""
        jobs = [
            Job(
                name,
                schedule.cron,
                self.addresses.functions[schedule.function],
                self._topology.functions[schedule.function].timeout_seconds,
                self.addresses.tokens.get(schedule.function),
            )
            for name, schedule in self._topology.schedules.items()
        ]
        if not jobs:
            return []
        arguments = [argument for job in jobs for argument in job.arguments()]
        return [
            Part(
                "scheduler",
                [
                    *(sys.executable, "-m", "emulator.parts.scheduler", *arguments),
                    *("--broker", str(self._data / "pubsub")),
                ],
                is_ready=lambda: True,  # it listens nowhere
                env={"PYTHONPATH": str(ROOT)},
                matters=lambda line: True,  # noqa: ARG005 - it only tells what went wrong
                awaited=False,
            )
        ]

    def _make_pubsub_resources(self) -> None:
        from emulator.parts.pubsub_resources import (  # while the parts start
            Listener,
            make_resources,
        )

        listener = Listener(self._notify, NOTIFIER) if self._notify else None
        make_resources(
            self._topology,
            PROJECT,
            self.addresses.pubsub,
            self.addresses.functions,
            self.addresses.tokens,
            listener,
        )


def bucket_name(name: str) -> str:
    """Return the full name of a bucket, as Terraform makes it."""
    return f"{PROJECT}-{name}"


def environment(
    function: Function, addresses: Addresses, token: PushToken | None = None
) -> dict[str, str]:
    """Return the variables that make a function use this cloud.

    Args:
        function: which.
        addresses: of the cloud.
        token: what the function is to want of who calls it.
    """
    return {
        "STORAGE_EMULATOR_HOST": addresses.storage,
        "PUBSUB_EMULATOR_HOST": addresses.pubsub,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "QUICKTHUMB_PUSH_CERTS_URL": addresses.keys,
        **(token.environment() if token else {}),
        **{name: _full_name(value) for name, value in function.environment.items()},
    }


def _variables(function: Function) -> dict[str, object]:
    """Return the variables that a function has of this process and of the topology."""
    return {**os.environ, **function.environment}


def _tokens(topology: Topology, broker: Broker) -> dict[str, PushToken]:
    """Return what functions want that only this cloud calls: a page can send them requests, too.

    Raises:
        NoTokens: some are told to want tokens, and nobody makes any.
    """
    inner = {
        name: _variables(fn) for name, fn in topology.functions.items() if fn.trigger != "http"
    }
    if broker == "embedded":
        return {name: push_token(variables, PROJECT) for name, variables in inner.items()}
    if any(asks_for_tokens(variables) for variables in inner.values()):
        raise NoTokens(
            "QUICKTHUMB_PUSH_AUDIENCE has functions expect a token with every push, and "
            "Google's emulator sends none. Unset it, or run with --pubsub embedded."
        )
    return {}


def _full_name(value: str | Reference) -> str:
    match value:
        case Reference("bucket", name):
            return bucket_name(name)
        case Reference("topic", name):
            return f"projects/{PROJECT}/topics/{name}"
        case _:
            return str(value)


def is_healthy(port: int) -> bool:
    """Tell whether a function takes requests.

    Raises:
        PartFailed: it never will, by a setting that is wrong.
    """
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        if b'"code":"misconfigured"' in body:
            raise PartFailed(json.loads(body)["detail"]) from None
        return False
    except OSError:
        return False
