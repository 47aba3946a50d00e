"""An emulated cloud whose parts can be made to fail."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.pubsub import Broker
from emulator.processes import Part
from emulator.topology import Function, Topology
from emulator.topology_file import read_topology
from tests.chaos.proxy import Proxy
from tests.chaos.relay import Relay

PARTS = ("upload", "resize", "pubsub", "storage")
SITE = Path(__file__).with_name("site")


def impatient(max_delivery_attempts: int) -> Topology:
    """Return the project's topology with short pauses between deliveries.

    Args:
        max_delivery_attempts: before a message is moved to the dead letters. With crashes every few
            seconds for minutes, the project's own number would abandon valid pictures.
    """
    topology = read_topology()
    subscriptions = {
        name: structs.replace(
            subscription,
            minimum_backoff_seconds=1,
            maximum_backoff_seconds=5,
            ack_deadline_seconds=20,
            dead_letter=subscription.dead_letter
            and structs.replace(
                subscription.dead_letter, max_delivery_attempts=max_delivery_attempts
            ),
        )
        for name, subscription in topology.subscriptions.items()
    }
    return structs.replace(topology, subscriptions=subscriptions, schedules={})


class ShakenCloud(Cloud):
    """A cloud whose parts can be killed, paused and disturbed.

    Args:
        topology: to run.
        data: folder for blobs and messages.
        console: for the output of the parts.
        broker: `embedded` or `official`.
        seed: for disturbing deliveries.
        trouble: share of the deliveries to `resize` that are late.
        sweep_after: age at which a sweep publishes a job again, seconds.
    """

    def __init__(
        self,
        topology: Topology,
        data: Path,
        console: Console,
        broker: Broker,
        *,
        seed: int = 0,
        trouble: float = 0.2,
        sweep_after: int = 15,
    ) -> None:
        self.data = data / "storage"
        self.proxy = Proxy()
        self.sweep_after = sweep_after
        super().__init__(topology, data, console, broker=broker, instances={"resize": 2})
        self.proxy.start(int(self.addresses.storage.rpartition(":")[2]))
        self.relay = Relay(self.addresses.functions["resize"], seed, trouble)

    def function_part(self, name: str, function: Function, instances: int) -> Part:
        part = super().function_part(name, function, instances)
        env: dict[str, str] = {
            **part.env,
            "STORAGE_EMULATOR_HOST": self.proxy.url,
            # Shorter than the faults, so that some calls time out.
            "QUICKTHUMB_CALL_SECONDS": "2",
            "QUICKTHUMB_SWEEP_AFTER_SECONDS": str(self.sweep_after),
            # So that nothing is given up here that would have been done.
            "QUICKTHUMB_SWEEP_ATTEMPTS": "20",
            "QUICKTHUMB_ON_DEMAND": "64x40:cover:webp",
            "PYTHONPATH": str(SITE),
        }
        return replace(part, env=env)

    def push_endpoints(self) -> dict[str, str]:
        return {**self.addresses.functions, "resize": self.relay.url}

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.relay.stop()
        self.proxy.stop()

    def ask_to_stop(self, name: str) -> None:
        """Send SIGTERM to the first process of a part, like the platform does."""
        pid = self.pids()[name]
        assert pid is not None
        os.kill(pid, signal.SIGTERM)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part and all its processes."""
        pid = self.pids()[name]
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)


class Disk:
    """A small file system of its own for the data, which can be filled.

    Mounting needs root; without it, the data is in the folder itself, and the disk is not filled.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        self.is_bounded = (
            os.name == "posix"
            and os.geteuid() == 0
            and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        )
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Fill the disk."""
        if self.is_bounded:
            with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65_536))

    def relieve(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Unmount it, which frees its memory."""
        if self.is_bounded:
            subprocess.run(["umount", str(self.folder)], check=True)  # noqa: S607 - of the system
