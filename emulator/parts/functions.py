"""The functions, served by functions-framework as in the cloud."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from emulator.dashboard.watching import Watching
from emulator.errors import PartFailed
from emulator.parts.tokens import PushToken
from emulator.ports import HOST, answers
from emulator.processes import Part
from emulator.project import bucket_name, topic_path
from emulator.running import Addresses
from emulator.source import Source
from emulator.topology import Function, Reference

_GUEST = Path(__file__).with_name("guest")

_SELF = "X-Quickthumb-Emulator"
"""A header of the emulator's own questions, which `guest/watched.py` does not tell of."""

_NOT_INHERITED = ("DEBUG", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_USE_ASGI")
"""Variables that would make functions-framework ignore the topology."""


def function_part(
    name: str,
    function: Function,
    addresses: Addresses,
    instances: int,
    *,
    awaited: bool,
    source: Source | None = None,
    watching: Watching | None = None,
) -> Part:
    """Return the part that serves a function.

    Args:
        name: of the function in the topology.
        function: what to serve.
        addresses: of the cloud, including the function's own.
        instances: number of processes; a debugged function is one.
        awaited: see `Part`.
        source: the code; None is that of QuickThumb.
        watching: is told what it does, if anybody watches.
    """
    source = source or Source()
    watched = watching if name not in source.debuggers else None
    port = int(addresses.functions[name].rpartition(":")[2])
    has_health = source.is_ours and function.trigger == "http"
    inherited = {key: text for key, text in os.environ.items() if key not in _NOT_INHERITED}
    return Part(
        name,
        _command(name, function, port, source, watched),
        is_ready=lambda: is_healthy(port) if has_health else answers(port),
        env={
            **inherited,
            **environment(function, addresses, addresses.tokens.get(name), source),
            # QuickThumb's own code uses only gRPC.
            **({"PUBSUB_EMULATOR_HOST": addresses.grpc} if source.is_ours else {}),
            # Cloud Run's limits, as far as the framework can enforce them. Instances are processes,
            # and take as many requests at once as they have threads; see `guest/framework.py`.
            "THREADS": str(function.concurrency),
            "WORKERS": str(instances),
            "CLOUD_RUN_TIMEOUT_SECONDS": str(function.timeout_seconds),
        },
        folder=None if source.is_ours else source.folder,
        matters=lambda line: not (source.is_ours and line.startswith(("INFO ", "DEBUG "))),
        hear=watched.hear(name) if watched else lambda line: line,
        on_end=lambda: watched.look(name) if watched else None,
        awaited=awaited,
    )


def _command(
    name: str, function: Function, port: int, source: Source, watched: Watching | None
) -> list[str]:
    file, target = str(source.file), function.entry_point
    debugger = source.debuggers.get(name)
    if debugger is None:
        serve = [str(_GUEST / "framework.py")]
        if watched:
            told = (str(watched.controls.path), name, function.trigger)
            serve = [str(_GUEST / "watched.py"), *told]
        return [
            *(str(source.python), *serve, "--source", file),
            *("--target", target, "--host", HOST, "--port", str(port)),
        ]
    return [
        *(str(source.python), "-m", "debugpy", "--listen", f"{HOST}:{debugger}"),
        *(str(_GUEST / "serve.py"), file, target, HOST, str(port)),
    ]


def environment(
    function: Function,
    addresses: Addresses,
    token: PushToken | None = None,
    source: Source | None = None,
) -> dict[str, str]:
    """Return the environment of a function.

    Args:
        function: whose.
        addresses: of the cloud.
        token: that it requires of callers, if any.
        source: its code, with further variables; None is that of QuickThumb.
    """
    source = source or Source()
    cloud = {
        "STORAGE_EMULATOR_HOST": addresses.storage,
        "PUBSUB_EMULATOR_HOST": addresses.pubsub,
        "GOOGLE_CLOUD_PROJECT": addresses.project,
    }
    given = {
        key: _full_name(value, addresses.project) for key, value in function.environment.items()
    } | dict(source.variables)
    if source.is_ours:
        known = {
            "QUICKTHUMB_PUSH_CERTS_URL": addresses.keys,
            "QUICKTHUMB_PUBLIC_URL": os.environ.get(
                "QUICKTHUMB_PUBLIC_URL", addresses.functions.get(addresses.entrance, "")
            ),
        }
        return {**cloud, **known, **(token.environment() if token else {}), **given}
    # Whatever else is in a file of variables, such as the project in production, what runs here
    # uses this cloud. What a function prints is shown at once.
    return {"PYTHONUNBUFFERED": "1", **given, **cloud}


def variables(function: Function, source: Source | None = None) -> dict[str, object]:
    """Return the variables that a function gets from this process, the topology and its source."""
    return {**os.environ, **function.environment, **(source.variables if source else {})}


def is_healthy(port: int) -> bool:
    """Return whether a function takes requests.

    Raises:
        PartFailed: a setting is wrong, so that it never will.
    """
    try:
        request = urllib.request.Request(f"http://{HOST}:{port}/health", headers={_SELF: "1"})
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - http
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        if b'"code":"misconfigured"' in body:
            raise PartFailed(json.loads(body)["detail"]) from None
        return False
    except OSError:
        return False


def _full_name(value: str | Reference, project: str) -> str:
    match value:
        case Reference(bucket=str(name)):
            return bucket_name(name, project)
        case Reference(topic=str(name)):
            return topic_path(name, project)
        case _:
            return str(value)
