"""`python3 -m emulator pubsub`: the broker alone, for any project."""

import signal
import socket
import subprocess
import sys

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from tests import needs
from tests.conformance.brokers import PROJECT, connected
from tests.conformance.endpoint import listening


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator.cli", "pubsub", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs.posix("signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_use_it_and_stops_when_told(number):
    port = free_port()
    with start("--port", port) as process:
        assert f"{HOST}:{port}" in process.stdout.readline()
        assert process.stdout.readline() == f"export PUBSUB_EMULATOR_HOST={HOST}:{port}\n"
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_a_taken_port_is_told():
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with start("--port", port) as process:
            said = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert str(port) in said
    assert "--port" in said
    assert "Traceback" not in said


def test_a_data_folder_in_use_is_told(tmp_path):
    with start("--port", free_port(), "--data", tmp_path) as first:
        first.stdout.readline()
        with start("--port", free_port(), "--data", tmp_path) as second:
            said = second.communicate(timeout=20)[1]
        first.terminate()
    assert second.returncode == 1
    assert "in use by another broker" in said
    assert "Traceback" not in said


def test_a_push_token_is_verified_with_the_keys_that_the_broker_serves(monkeypatch):
    port, keys = free_port(), free_port()
    account = "push@conformance.iam.gserviceaccount.com"
    with start("--port", port, "--jwks-port", keys) as process, listening() as endpoint:
        process.stdout.readline()
        broker = connected("embedded", f"{HOST}:{port}", process)
        topic = f"{PROJECT}/topics/signed"
        broker.publisher.create_topic(name=topic)
        token = {"service_account_email": account, "audience": "https://resize.example"}
        config = {"push_endpoint": endpoint.url, "oidc_token": token}
        broker.subscriber.create_subscription(
            request={
                "name": f"{PROJECT}/subscriptions/signed",
                "topic": topic,
                "push_config": config,
            }
        )
        broker.publisher.publish(topic, b"x").result(20)
        [push] = endpoint.wait(1)
        claims = id_token.verify_token(
            push.headers["authorization"].removeprefix("Bearer "),
            Request(),
            audience="https://resize.example",
            certs_url=f"http://{HOST}:{keys}/oauth2/v1/certs",
        )
        broker.close()
        process.terminate()
    assert claims["email"] == account
