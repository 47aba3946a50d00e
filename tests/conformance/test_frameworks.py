"""Programs of others: frameworks and client libraries that know nothing of this broker.

Each program in `frameworks` uses one of them, and prints what it received.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance.brokers import running

FRAMEWORKS = Path(__file__).parent / "frameworks"
NODE = FRAMEWORKS / "node"


@pytest.fixture(scope="module")
def server():
    """The address of a broker."""
    with running("embedded") as broker:
        yield broker.address


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory):
    """The programs for Node.js in a folder with the packages that they need."""
    for command in ("node", "npm"):
        if not shutil.which(command):
            pytest.skip(f"needs {command} (Debian: nodejs, npm)")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(NODE, folder, dirs_exist_ok=True)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=240)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs the package registry: {error.stderr.decode().strip()[-200:]}")
    except subprocess.TimeoutExpired:
        pytest.skip("needs a faster package registry: npm has not finished in four minutes")
    return folder


@pytest.fixture
def prints(server):
    """Run a program with the broker, and return the lines that it printed."""

    def prints(command: Sequence[str | Path]) -> list[str]:
        ran = subprocess.run(
            command,
            env={**os.environ, "PUBSUB_EMULATOR_HOST": server},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.splitlines()

    return prints


def python(program: str, *needs: str) -> list[str | Path]:
    """Return the command of a Python program that needs these modules."""
    for module in needs:
        if not _is_there(module):
            pytest.skip(f"needs {module}, which tests/requirements.txt installs")
    return [sys.executable, FRAMEWORKS / program]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def test_kombu_the_messages_of_celery(prints):
    command = python("kombu_queues.py", "kombu", "google.cloud.monitoring_v3")
    assert prints(command) == ["worked on a a b b", "read kombu-first:hello kombu-second:hello"]


def test_dramatiq(prints):
    command = python("dramatiq_actors.py", "dramatiq", "dramatiq_gcpubsub")
    assert prints(command) == ["added 10 11 12 13 14"]


def test_gcloud_aio_pubsub(prints):
    assert prints(python("aio_client.py", "gcloud.aio.pubsub")) == [
        "listed projects/aio/topics/things",
        "pulled b'one \\xff' {'colour': 'red'}",
        "again b'one \\xff'",
    ]


def test_nestjs(prints, node_modules):
    assert prints(["node", node_modules / "nest.js"]) == ["sum 6", "born Tom"]


def test_the_client_library_for_node(prints, node_modules):
    assert prints(["node", node_modules / "client.js"]) == [
        "ordered abcde",
        "replayed true true",
        "refused 3",
    ]
