"""Google's own Pub/Sub emulator, found where its users have it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from emulator.errors import OfficialEmulatorMissing
from emulator.ports import HOST


def official_command(port: int, env: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command that runs it at `port`.

    The jar itself is run: gcloud's own starter leaves Java running when it is stopped.

    Raises:
        OfficialEmulatorMissing: there is no jar or no `java` on the PATH.
    """
    java = shutil.which("java")
    if java is None:
        raise OfficialEmulatorMissing(
            "Google's Pub/Sub emulator needs Java 17 or newer: there is no java on the PATH."
        )
    return [java, "-jar", str(find_jar(env)), f"--host={HOST}", f"--port={port}"]


def find_jar(env: Mapping[str, str]) -> Path:
    """Return the jar that `QUICKTHUMB_PUBSUB_JAR` names, else the one of the gcloud component.

    Raises:
        OfficialEmulatorMissing: there is none.
    """
    named = env.get("QUICKTHUMB_PUBSUB_JAR")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise OfficialEmulatorMissing(f"QUICKTHUMB_PUBSUB_JAR: there is no file {named}.")
    gcloud = shutil.which("gcloud")
    if gcloud:
        folder = Path(gcloud).resolve().parent.parent / "platform" / "pubsub-emulator" / "lib"
        jars = sorted(folder.glob("cloud-pubsub-emulator-*.jar"))
        if jars:
            return jars[-1]
    raise OfficialEmulatorMissing(
        "Google's Pub/Sub emulator is not installed: run `gcloud components install "
        "pubsub-emulator`, or name its jar in QUICKTHUMB_PUBSUB_JAR."
    )
