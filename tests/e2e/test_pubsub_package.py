"""The broker as a package of its own, in an environment that has nothing else."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
import venv
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from emulator.pubsub import __version__
from tests import needs
from tests.unit.pubsub.test_rooms import FILES, imported
from tests.wheels import repack

pytestmark = pytest.mark.xdist_group("pubsub-package")

PACKAGE = ROOT / "emulator" / "pubsub"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())
DOCKERFILE = (PACKAGE / "Dockerfile").read_text()

# Packages without a module of their own name.
PROVIDERS = {
    "google.iam": "grpc-google-iam-v1",
    "google.protobuf": "protobuf",
    "google.pubsub_v1": "google-cloud-pubsub",
    "google.rpc": "googleapis-common-protos",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "yaml": "pyyaml",
}

TEST = """
import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient


@pytest.fixture(scope="module")
def projects():
    return []


def test_nothing_is_there_yet(pubsub, projects):
    assert not list(PublisherClient().list_topics(project=f"projects/{pubsub.project}"))
    projects.append(pubsub.project)


def test_an_order_is_received(pubsub, projects):
    assert pubsub.project not in projects
    publisher, subscriber = PublisherClient(), SubscriberClient()
    topic = publisher.create_topic(name=pubsub.topic_path("orders")).name
    billing = pubsub.subscription_path("billing")
    subscriber.create_subscription(name=billing, topic=topic)
    publisher.publish(topic, b"one apple").result()
    answer = subscriber.pull(subscription=billing, max_messages=1)
    assert answer.received_messages[0].message.data == b"one apple"
"""

IN_PROCESS = """
import asyncio
from pubsub_emulator import Broker

async def main():
    async with Broker(topology={file!r}) as broker:
        print(broker.environment["PUBSUB_EMULATOR_HOST"] == broker.address)

asyncio.run(main())
with Broker() as broker:
    print(broker.address.startswith("127.0.0.1:"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy of the package alone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder]
    built = subprocess.run([*pip, source], capture_output=True, text=True, check=False)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip(f"needs a package index for the build: {built.stderr[-300:]}")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The folder with the programs of an environment that has the wheel, pytest, and no index."""
    folder = tmp_path_factory.mktemp("empty")
    wheels = folder / "wheels"
    wheels.mkdir()
    repack([*dependencies(), "pytest"], wheels)
    venv.create(folder / "venv")
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--find-links", wheels, wheel, "pytest"], check=True)
    return programs


def dependencies():
    return [Requirement(text).name for text in PROJECT["project"]["dependencies"]]


def run(*command, cwd, **environment):
    """Run a program without the variables that let it find this repository."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env=env | environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_is_named_and_numbered_as_the_package_says(wheel):
    assert wheel.name == f"pubsub_emulator-{__version__}-py3-none-any.whl"


def test_the_command_says_its_version(programs, tmp_path):
    for command in ([programs / "pubsub-emulator"], [programs / "python", "-m", "pubsub_emulator"]):
        said = run(*command, "--version", cwd=tmp_path)
        assert (said.stdout, said.stderr) == (f"pubsub-emulator {__version__}\n", "")


def test_someone_elses_tests_pass_without_any_setting(programs, tmp_path):
    (tmp_path / "test_orders.py").write_text(TEST)
    result = run(programs / "python", "-m", "pytest", "-q", cwd=tmp_path)
    assert "2 passed" in result.stdout, result.stdout + result.stderr


def test_a_program_runs_a_broker_in_its_own_process(programs, tmp_path):
    (tmp_path / "app.yaml").write_text("projects: {shop: {topics: {orders: }}}")
    program = IN_PROCESS.format(file="app.yaml")
    result = run(programs / "python", "-c", program, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("True\nTrue\n", "")


def test_no_module_of_the_wheel_knows_this_repository(programs, tmp_path):
    code = "import pubsub_emulator; print(pubsub_emulator.__path__[0])"
    folder = run(programs / "python", "-c", code, cwd=tmp_path).stdout.strip()
    grep = "import pathlib, sys; print(*(f for f in pathlib.Path(sys.argv[1]).rglob('*.py')"
    grep += " if 'emulator.pubsub' in f.read_text(encoding='utf-8')))"
    found = run(programs / "python", "-c", grep, folder, cwd=tmp_path)
    assert (found.stdout, found.stderr) == ("\n", "")
    modules = run(
        programs / "python",
        *("-c", "import pathlib, sys; print(len([*pathlib.Path(sys.argv[1]).rglob('*.py')]))"),
        *(folder,),
        cwd=tmp_path,
    )
    assert int(modules.stdout) == len(FILES) - 1  # without hatch_build.py


def test_the_package_asks_for_what_it_imports_and_for_nothing_else():
    own = {"emulator", "hatchling", "pytest", *sys.stdlib_module_names}
    found = metadata.packages_distributions()
    needed = {"google-cloud-pubsub"}  # imported by name
    for file in FILES:
        for name in imported(file):
            top = name.partition(".")[0]
            known = next((key for key in PROVIDERS if f"{name}.".startswith(f"{key}.")), None)
            if known:
                needed.add(PROVIDERS[known])
            elif top not in own and name != "google":
                needed.add(found[top][0])
    assert {canonicalize_name(name) for name in needed} == {*map(canonicalize_name, dependencies())}


def test_the_licence_is_that_of_the_repository(wheel):
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_its_changelog_names_its_version():
    assert __version__ in (PACKAGE / "CHANGELOG.md").read_text()


def instructions():
    """Return the instructions of the Dockerfile, in order, with what follows each."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def started(programs, env, tmp_path):
    arguments = next(value for name, value in instructions() if name == "ENTRYPOINT")
    (program,) = re.findall(r'"([^"]+)"', arguments)
    return subprocess.Popen(
        [programs / program], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    )


@needs.posix("signals")
def test_what_the_dockerfile_installs_and_starts_answers(programs, tmp_path):
    """Its instructions, without Docker: the image gets the package as the environment did."""
    kinds = [name for name, _ in instructions()]
    assert kinds[:3] == ["FROM", "COPY", "RUN"]
    assert kinds[-1] == "ENTRYPOINT"
    copied = next(value for name, value in instructions() if name == "COPY")
    installed = next(value for name, value in instructions() if name == "RUN")
    assert copied.split() == [".", "/source"]
    assert installed.startswith("pip install ")
    assert " /source " in installed
    variables = dict(
        pair.split("=")
        for name, value in instructions()
        if name == "ENV"
        for pair in shlex.split(value)
    )
    exposed = next(value for name, value in instructions() if name == "EXPOSE")
    ports = [variables["PUBSUB_BROKER_PORT"], variables["PUBSUB_BROKER_JWKS_PORT"]]
    assert exposed.split() == ports
    free = dict(zip(ports, (str(free_port()), str(free_port())), strict=True))
    env = os.environ | {name: free.get(value, value) for name, value in variables.items()}
    with started(programs, env | {"PUBSUB_PROJECT1": "shop,orders:billing"}, tmp_path) as broker:
        try:
            assert broker.stdout.readline().startswith(f"Pub/Sub is ready on {HOST}:")
            url = f"http://{HOST}:{free[ports[1]]}/metrics"
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert b'subscription="projects/shop/subscriptions/billing"' in answer.read()
        finally:
            broker.send_signal(signal.SIGTERM)
    assert broker.returncode == 0


def test_docker_builds_and_runs_the_image():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode:
        pytest.skip("needs Docker: there is no docker that answers on this machine")
    pulled = subprocess.run(
        [docker, "build", "--quiet", PACKAGE], capture_output=True, text=True, check=False
    )
    if pulled.returncode and "python:3.13-slim" in pulled.stderr:
        pytest.skip(f"needs a registry for the base image: {pulled.stderr[-300:]}")
    assert pulled.returncode == 0, pulled.stderr
    image = pulled.stdout.strip()
    try:
        said = subprocess.run(
            [docker, "run", "--rm", image, "--version"], capture_output=True, text=True, check=False
        )
        assert said.stdout == f"pubsub-emulator {__version__}\n", said.stderr
    finally:
        subprocess.run([docker, "rmi", "--force", image], capture_output=True, check=False)
