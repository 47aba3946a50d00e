"""The broker as a command: how it starts, why it does not, and how it stops."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing, contextmanager

import grpc
import pytest

from emulator.pubsub import protos
from emulator.pubsub.command import VARIABLES, main, parse
from emulator.pubsub.doors.key_server import KEY_FILE_NAME
from emulator.pubsub.journal.database import FILE_NAME
from emulator.pubsub.journal.journal import Journal
from tests import needs

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "emulator.pubsub"]


@contextmanager
def running(*arguments, **environment):
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_where_it_is_and_what_to_paste():
    with running("--port", "0") as broker:
        ready, export, started = (broker.stdout.readline() for _ in range(3))
    address = export.removeprefix("export PUBSUB_EMULATOR_HOST=").strip()
    assert ready.startswith(
        f"Pub/Sub is ready on {address}; keys of push tokens: http://127.0.0.1:"
    )
    assert address.startswith("127.0.0.1:")
    # Testcontainers waits for this.
    assert started == f"Server started, listening on {address.rpartition(':')[2]}\n"


def test_it_says_where_grpc_alone_is():
    with running("--port", "0", "--grpc-port", "0") as broker:
        ready, _, alone, started = (broker.stdout.readline() for _ in range(4))
    address = alone.removeprefix("gRPC alone is on ").strip()
    assert address.startswith("127.0.0.1:")
    assert address not in ready
    assert started.startswith("Server started, ")


@needs.posix("Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_it_is_told_to(number, tmp_path):
    with running("--port", "0", "--data", str(tmp_path)) as broker:
        broker.stdout.readline()
        broker.send_signal(number)
        assert broker.wait(timeout=10) == 0
        assert broker.stderr.read() == ""


@needs.posix("Windows has no SIGINT to send to one process")
def test_it_ends_without_a_word_when_it_is_interrupted_while_it_loads():
    script = """
import os, runpy, signal, sys
class Interruption:
    def find_spec(self, name, path=None, target=None):
        if name == "emulator.pubsub.broker":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interruption())
runpy.run_module("emulator.pubsub", run_name="__main__")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_it_says_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--port", str(port)) as broker:
            assert broker.wait(timeout=10) == 1
            problem = broker.stderr.read()
    assert problem.startswith(f"pubsub: cannot listen on 127.0.0.1:{port}: ")
    assert problem.count("\n") == 1


def test_it_says_that_another_broker_uses_the_data(tmp_path):
    with running("--port", "0", "--data", str(tmp_path)) as first:
        first.stdout.readline()
        with running("--port", "0", "--data", str(tmp_path)) as second:
            assert second.wait(timeout=10) == 1
            assert second.stderr.read() == (
                f"pubsub: {tmp_path} is in use by another broker."
                " Stop it, or choose another --data.\n"
            )


def test_it_says_that_the_data_cannot_be_used(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["--port", "0", "--data", str(tmp_path / "file")]) == 1
    assert f"cannot use the data folder {tmp_path / 'file'}" in capsys.readouterr().err


def test_it_says_that_the_data_is_not_a_brokers(tmp_path, capsys):
    (tmp_path / FILE_NAME).write_text("something else entirely " * 100)
    assert main(["--port", "0", "--data", str(tmp_path)]) == 1
    assert "file is not a database. Choose another --data, or remove" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        "topics VALUES ('x', x'ffff')",
        "topics VALUES ('x', 'text')",
        "subscriptions VALUES (1, 'x', x'ffff')",
        "messages VALUES (1, 'x', 'text')",
        "numbers VALUES ('last message', 'text')",
    ],
)
def test_it_says_that_a_row_of_the_data_cannot_be_read(tmp_path, capsys, row):
    Journal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database, database:
        database.execute(f"INSERT INTO {row}")
    assert main(["--port", "0", "--data", str(tmp_path)]) == 1
    assert f"cannot use the data folder {tmp_path}: " in capsys.readouterr().err


def test_it_says_that_the_key_in_the_data_is_none(tmp_path):
    (tmp_path / KEY_FILE_NAME).write_text("garbage")
    with running("--port", "0", "--data", str(tmp_path)) as broker:
        assert broker.wait(timeout=10) == 1
        problem = broker.stderr.read()
    assert problem.startswith(f"pubsub: cannot use the data folder {tmp_path}: ")
    assert f"{KEY_FILE_NAME}: expected an RSA private key in PEM. Delete the file" in problem
    assert problem.count("\n") == 1


def test_every_option_has_an_environment_variable():
    with running(PUBSUB_BROKER_PORT="0", PUBSUB_BROKER_HOST="localhost") as broker:
        assert broker.stdout.readline().startswith("Pub/Sub is ready on localhost:")


def test_an_empty_variable_counts_as_not_set():
    names = ("HOST", "PORT", "JWKS_PORT", "DATA", "PUSH_LIMIT", "TOPOLOGY", "ORIGINS", "STORAGE")
    empty = {f"{VARIABLES}{name}": "" for name in names}
    assert parse([], empty) == parse([], {})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "x"],
        ["--port", "65536"],
        ["--grpc-port", "-1"],
        ["--jwks-port", "-1"],
        ["--push-limit", "0"],
        ["--nonsense"],
    ],
)
def test_a_wrong_option_is_named(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_it_serves_its_key():
    with running("--port", "0") as broker:
        url = broker.stdout.readline().split()[-1]
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b'"kty": "RSA"' in answer.read()


def test_it_loads_no_client_library_to_start():
    script = "import sys, emulator.pubsub.command; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "google.pubsub_v1.types.pubsub" in loaded
    for needless in ("google.pubsub_v1", "google.auth", "cryptography", "requests"):
        assert needless not in loaded


def test_the_client_library_can_be_loaded_after_the_broker():
    script = (
        "import emulator.pubsub.protos as ours, google.cloud.pubsub_v1;"
        "from google.pubsub_v1.types import pubsub;"
        "assert pubsub.Topic.pb() is ours.Topic"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_creates_what_a_file_and_variables_name(tmp_path):
    (tmp_path / "app.yaml").write_text("projects: {shop: {topics: {orders: }}}")
    with running(
        *("--port", "0", "--topology", str(tmp_path / "app.yaml")),
        PUBSUB_PROJECT1="depot,parcels:drivers",
        PUBSUB_PROJECT2="shop,refunds",
    ) as broker:
        broker.stdout.readline()
        address = broker.stdout.readline().strip().removeprefix("export PUBSUB_EMULATOR_HOST=")
        assert topics(address, "shop") == ["orders", "refunds"]
        assert topics(address, "depot") == ["parcels"]


def topics(address, project):
    with grpc.insecure_channel(address) as channel:
        answer = channel.unary_unary(
            "/google.pubsub.v1.Publisher/ListTopics",
            request_serializer=protos.ListTopicsRequest.SerializeToString,
            response_deserializer=protos.ListTopicsResponse.FromString,
        )(protos.ListTopicsRequest(project=f"projects/{project}"), timeout=20)
    return [topic.name.rpartition("/")[2] for topic in answer.topics]


def test_it_says_what_is_wrong_with_a_topology(tmp_path, capsys, monkeypatch):
    file = tmp_path / "app.yaml"
    file.write_text("projects: {shop: {topics: {goog: , orders: {colour: red}}}}")
    assert main(["--port", "0", "--topology", str(file)]) == 1
    problem = capsys.readouterr().err
    assert problem.startswith(f"pubsub: {file}: projects.shop.topics.orders: ")
    assert 'has no field named "colour"' in problem
    monkeypatch.setenv("PUBSUB_PROJECT1", "shop,goog")
    assert main(["--port", "0"]) == 1
    problem = capsys.readouterr().err
    assert problem.startswith("pubsub: PUBSUB_PROJECT1: projects.shop.topics.goog: Invalid")


def test_storage_is_found_as_client_libraries_find_it():
    known = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}
    assert parse([], known).storage == "http://127.0.0.1:1"
    assert parse(["--storage", "127.0.0.1:2"], known).storage == "127.0.0.1:2"
    assert parse([], {"STORAGE_EMULATOR_HOST": ""}).storage is None


def test_origins_are_listed_with_commas():
    assert parse(["--origins", "https://a.example, http://b:3000,"], {}).origins == (
        "https://a.example",
        "http://b:3000",
    )
    assert parse([], {}).origins == ()


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/path", "https://", "a b"])
def test_what_is_not_an_origin_is_refused(origin, capsys):
    with pytest.raises(SystemExit):
        parse(["--origins", origin], {})
    assert f"{origin!r} is not an origin" in capsys.readouterr().err
