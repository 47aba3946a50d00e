"""The functions, served by functions-framework as in the cloud."""

import json
import os
import sys
import urllib.error
import urllib.request

from emulator.errors import PartFailed
from emulator.parts.tokens import PushToken
from emulator.ports import HOST, answers
from emulator.processes import Part
from emulator.project import FILES, PROJECT, bucket_name, topic_path
from emulator.running import Addresses
from emulator.topology import Function, Reference

SOURCE = FILES / "functions" / "main.py"

_NOT_INHERITED = ("DEBUG", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_USE_ASGI")
"""Variables that would make functions-framework ignore the topology."""


def function_part(
    name: str, function: Function, addresses: Addresses, instances: int, *, awaited: bool
) -> Part:
    """Return the part that serves a function.

    Args:
        name: of the function in the topology.
        function: what to serve.
        addresses: of the cloud, including the function's own.
        instances: number of processes.
        awaited: see `Part`.
    """
    port = int(addresses.functions[name].rpartition(":")[2])
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
            **environment(function, addresses, addresses.tokens.get(name)),
            # Cloud Run's limits, as far as the framework can enforce them. With one thread gunicorn
            # takes one request at a time, and lets another process take the next.
            "THREADS": str(function.concurrency),
            "WORKERS": str(instances),
            "CLOUD_RUN_TIMEOUT_SECONDS": str(function.timeout_seconds),
        },
        matters=lambda line: not line.startswith(("INFO ", "DEBUG ")),
        awaited=awaited,
    )


def environment(
    function: Function, addresses: Addresses, token: PushToken | None = None
) -> dict[str, str]:
    """Return the environment of a function, given the token that it requires of callers."""
    return {
        "STORAGE_EMULATOR_HOST": addresses.storage,
        "PUBSUB_EMULATOR_HOST": addresses.pubsub,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "QUICKTHUMB_PUSH_CERTS_URL": addresses.keys,
        **(token.environment() if token else {}),
        **{key: _full_name(value) for key, value in function.environment.items()},
    }


def variables(function: Function) -> dict[str, object]:
    """Return the variables that a function gets from this process and the topology."""
    return {**os.environ, **function.environment}


def is_healthy(port: int) -> bool:
    """Return whether a function takes requests.

    Raises:
        PartFailed: a setting is wrong, so that it never will.
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


def _full_name(value: str | Reference) -> str:
    match value:
        case Reference(bucket=str(name)):
            return bucket_name(name)
        case Reference(topic=str(name)):
            return topic_path(name)
        case _:
            return str(value)
