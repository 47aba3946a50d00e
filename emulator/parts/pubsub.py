"""Pub/Sub: our own broker, or Google's emulator."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from emulator.errors import OfficialEmulatorMissing
from emulator.ports import HOST, answers
from emulator.processes import Part, with_emulator

Broker = Literal["embedded", "official"]


def pubsub_part(
    broker: Broker,
    port: int,
    grpc_port: int,
    keys_port: int,
    data: Path,
    storage: str,
    on_ready: Callable[[], None],
) -> Part:
    """Return the part that runs a broker.

    Args:
        broker: which.
        port: to listen on.
        grpc_port: for gRPC alone; Google's emulator has no such port.
        keys_port: serves the public keys of its tokens.
        data: folder for messages; Google's emulator keeps them in memory.
        storage: URL of Cloud Storage, which subscriptions may write to.
        on_ready: called after every start, to create topics and subscriptions.

    Raises:
        OfficialEmulatorMissing: Google's emulator is not installed.
    """
    if broker == "official":
        command = official_command(port)
    else:
        command = [
            *(sys.executable, "-m", "emulator.pubsub"),
            *("--host", HOST, "--port", str(port), "--grpc-port", str(grpc_port)),
            *("--jwks-port", str(keys_port), "--data", str(data)),
        ]
    return Part(
        "pubsub",
        command,
        is_ready=lambda: answers(port),
        on_ready=on_ready,
        env={**with_emulator(), "STORAGE_EMULATOR_HOST": storage},
    )


def official_command(port: int, env: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command that runs Google's emulator at `port`.

    It runs the jar, since gcloud's own launcher leaves Java running when it is stopped.

    Raises:
        OfficialEmulatorMissing: there is no jar or no `java` on the PATH.
    """
    java = shutil.which("java")
    if java is None:
        raise OfficialEmulatorMissing(
            "Google's Pub/Sub emulator needs Java 17 or newer: there is no java on the PATH."
        )
    return [java, "-jar", str(_find_jar(env)), f"--host={HOST}", f"--port={port}"]


def _find_jar(env: Mapping[str, str]) -> Path:
    """Return the jar that `QUICKTHUMB_PUBSUB_JAR` names, else that of the gcloud component."""
    if named := env.get("QUICKTHUMB_PUBSUB_JAR"):
        if Path(named).is_file():
            return Path(named)
        raise OfficialEmulatorMissing(f"QUICKTHUMB_PUBSUB_JAR: there is no file {named}.")
    if gcloud := shutil.which("gcloud"):
        folder = Path(gcloud).resolve().parent.parent / "platform" / "pubsub-emulator" / "lib"
        jars = sorted(folder.glob("cloud-pubsub-emulator-*.jar"))
        if jars:
            return jars[-1]
    raise OfficialEmulatorMissing(
        "Google's Pub/Sub emulator is not installed: run `gcloud components install "
        "pubsub-emulator`, or name its jar in QUICKTHUMB_PUBSUB_JAR."
    )
