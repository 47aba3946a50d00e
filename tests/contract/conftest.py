"""A bucket of each kind."""

import io
import os

import pytest

from emulator.console import Console
from emulator.parts.storage import storage_parts
from emulator.ports import free_port
from emulator.processes import Supervisor
from quickthumb.json_api import Client, connect
from quickthumb.storage import CloudBucket
from tests.doubles import MemoryBucket
from tests.library_bucket import LibraryBucket


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the data folder, in whose `storage` the server keeps its blobs."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def server(folder):
    """Give the URL of a storage server."""
    port = free_port()
    parts = storage_parts(folder, port, ("contract", "processed"))
    supervisor = Supervisor([parts], Console(out=io.StringIO()))
    supervisor.start()
    yield f"http://127.0.0.1:{port}"
    supervisor.stop()


@pytest.fixture
def open_bucket(request):
    """Return what opens a bucket of a kind."""

    def open_bucket(kind):
        if kind == "memory":
            return MemoryBucket("contract")
        url = request.getfixturevalue("server")
        if kind == "library":
            return LibraryBucket(url, "contract", call_seconds=5)
        return CloudBucket(Client(url), "contract", call_seconds=5)

    return open_bucket


@pytest.fixture(params=["memory", "cloud"])
def bucket(request, open_bucket):
    return open_bucket(request.param)


@pytest.fixture(params=["memory", "cloud"])
def broken(request, monkeypatch):
    if request.param == "memory":
        return MemoryBucket("contract", broken=True)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    return CloudBucket(connect(), "contract", call_seconds=0.3)


@pytest.fixture
def damage(bucket, request):
    """Return what makes a blob one that the server could write and cannot read."""

    def damage(name):
        if isinstance(bucket, MemoryBucket):
            bucket.damaged.add(name)
            request.addfinalizer(lambda: bucket.damaged.discard(name))
        else:
            [file] = request.getfixturevalue("folder").rglob(f"{bucket.name}/{name}")
            os.removexattr(file, "user.metadata")
            request.addfinalizer(lambda: file.unlink(missing_ok=True))

    if not hasattr(os, "removexattr"):
        pytest.skip("needs extended attributes of files, as on Linux")
    return damage
