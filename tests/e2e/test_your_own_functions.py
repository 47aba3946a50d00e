"""`up` with functions of another project: what the document about it does not show."""

import importlib.util
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from emulator.ports import HOST, free_port
from tests import needs
from tests.conformance.endpoint import eventually
from tests.e2e.commands import environment, run, up
from tests.e2e.conftest import BROKERS, need
from tests.e2e.debugger import Debugger
from tests.e2e.test_up import all_end, children

HELLO = """
import os
import functions_framework


@functions_framework.http
def hello(request):
    return f"Hello {os.environ.get('NAME', 'you')}, {os.environ['GOOGLE_CLOUD_PROJECT']}"


@functions_framework.http
def bye(request):
    return "Bye"
"""
TOPOLOGY = """
functions:
  hello: {trigger: http}
  bye: {trigger: http}
"""


class App:
    """A project with functions in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "app.yaml"
        self.source = folder / "app"
        self.main = self.source / "main.py"
        self.source.mkdir()
        self.main.write_text(HELLO)
        self.file.write_text(TOPOLOGY)
        self.options = ("--topology", self.file, "--source", self.source)

    def up(self, *arguments: object):
        return up(self.folder, *self.options, "--python", sys.executable, *arguments)


@pytest.fixture
def app(tmp_path):
    return App(tmp_path)


def get(url: str) -> str:
    return requests.get(url, timeout=30).text


def answers_with(url: str, text: str) -> bool:
    try:
        return text in get(url)
    except requests.ConnectionError:
        return False  # it is just being restarted


@needs.linux("/proc")
def test_ten_lines_run_and_every_http_function_has_a_port_in_a_row(app):
    port = free_port()
    with app.up("--port", port) as cloud:
        assert get(cloud.url("hello")) == "Hello you, quickthumb"
        assert get(cloud.url("bye")) == "Bye"
        assert cloud.url("hello") == f"http://{HOST}:{port}"
        assert port < int(cloud.url("bye").rpartition(":")[2]) < port + 100
        assert f"  curl http://{HOST}:{port}/\n" in cloud.log
        processes = children(cloud.process.pid)
        assert cloud.stop(signal.SIGINT) == 0
        assert all_end(processes)
        assert "Stopped" in cloud.log


@pytest.mark.parametrize("broker", BROKERS)
def test_messages_wait_for_a_function_through_a_restart(app, broker):
    """Of Google's emulator, the messages are gone, but the functions run the same."""
    need(broker)
    app.file.write_text(
        "project: my-project\n"
        "functions: {send: {trigger: http}, take: {trigger: pubsub}}\n"
        "topics: {sent: }\n"
        "subscriptions: {take: {topic: sent, push_to: take, minimum_backoff_seconds: 1}}\n"
        "environment: {SENT: {topic: sent}}\n"
    )
    app.main.write_text(
        "import base64, os, functions_framework\n"
        "from google.cloud import pubsub_v1\n"
        "@functions_framework.http\n"
        "def send(request):\n"
        "    client = pubsub_v1.PublisherClient()\n"
        "    client.publish(os.environ['SENT'], request.get_data()).result()\n"
        "    return os.environ['SENT']\n"
        "@functions_framework.cloud_event\n"
        "def take(event):\n"
        "    if os.path.exists('closed'):\n"
        "        raise RuntimeError('closed')\n"
        "    text = base64.b64decode(event.data['message']['data']).decode()\n"
        "    print('took', text, 'from', event['source'], flush=True)\n"
    )
    closed = app.source / "closed"
    closed.touch()
    options = ("--port", free_port(), "--pubsub", broker)
    with app.up(*options) as cloud:
        sent = requests.post(cloud.url("send"), data=b"one", timeout=30).text
        assert sent == "projects/my-project/topics/sent"
        cloud.wait_for("take    | RuntimeError: closed")
        assert cloud.stop(signal.SIGINT) == 0
    closed.unlink()
    with app.up(*options) as cloud:
        if broker == "official":
            requests.post(cloud.url("send"), data=b"one", timeout=30)
        source = "//pubsub.googleapis.com/projects/my-project/topics/sent"
        cloud.wait_for(f"take    | took one from {source}")
        cloud.stop(signal.SIGINT)


def test_a_subscription_that_left_the_file_receives_nothing_any_more(app):
    both = (
        "functions: {{take: {{trigger: pubsub}}}}\n"
        "topics: {{sent: }}\n"
        "subscriptions: {{{name}: {{topic: sent, push_to: take}}}}\n"
    )
    app.main.write_text(
        "import functions_framework\n@functions_framework.cloud_event\ndef take(event):\n    pass\n"
    )
    for name in ("before", "after"):
        app.file.write_text(both.format(name=name))
        with app.up() as cloud:
            listed = subprocess.run(
                [sys.executable, "-c", LIST, cloud.url("pubsub")],
                capture_output=True,
                text=True,
                check=True,
            )
            assert listed.stdout.split() == [f"projects/quickthumb/subscriptions/{name}"]
            cloud.stop(signal.SIGINT)


LIST = """
import os, sys
os.environ["PUBSUB_EMULATOR_HOST"] = sys.argv[1]
from google.cloud import pubsub_v1
for each in pubsub_v1.SubscriberClient().list_subscriptions(project="projects/quickthumb"):
    print(each.name)
"""


def test_variables_come_from_a_file_but_not_the_project_in_production(app, tmp_path):
    file = tmp_path / ".env"
    file.write_text("NAME='a secret'\nGOOGLE_CLOUD_PROJECT=production\n")
    with app.up("--port", free_port(), "--env-file", file) as cloud:
        assert get(cloud.url("hello")) == "Hello a secret, quickthumb"
        cloud.stop(signal.SIGINT)
        assert "a secret" not in cloud.log


def test_a_change_restarts_the_functions_and_a_mistake_leaves_the_version_before(app):
    with app.up("--port", free_port(), "--reload") as cloud:
        url = cloud.url("hello")
        app.main.write_text(HELLO.replace("Hello", "Good day"))
        for name in ("hello", "bye"):
            cloud.wait_for(f"{name:7} | runs the new version")
        assert "Good day you" in get(url)
        app.main.write_text("def (\n")
        cloud.wait_for("main.py changed, but cannot be loaded. The version before goes on.")
        cloud.wait_for("SyntaxError: invalid syntax")
        assert "Good day you" in get(url)
        (app.source / "words.py").write_text("HELLO = 'Welcome'\n")
        app.main.write_text("from words import HELLO\n" + HELLO.replace("Hello", "{HELLO}"))
        eventually(lambda: answers_with(url, "Welcome you"), 60)
        assert cloud.stop(signal.SIGINT) == 0
    assert "ended with status" not in cloud.log


def test_a_function_that_cannot_be_loaded_at_the_start_is_told(app):
    app.main.write_text("import what_is_not_there\n")
    result = run("up", "--data", app.folder / "data", *app.options, "--python", sys.executable)
    assert result.returncode == 1
    assert "No module named 'what_is_not_there'" in result.stderr


@pytest.mark.skipif(not importlib.util.find_spec("debugpy"), reason="needs debugpy")
def test_a_debugger_attaches_to_a_function_and_stops_it_at_a_breakpoint(app):
    port, debugger_port = free_port(), free_port()
    line = HELLO.splitlines().index("def hello(request):") + 2
    answers = []
    with app.up("--port", port, "--debug", f"hello={debugger_port}") as cloud:
        assert f"debugger at {HOST}:{debugger_port}" in cloud.log
        with Debugger(HOST, debugger_port) as debugger:
            debugger.attach(str(app.main), line)
            call = threading.Thread(target=lambda: answers.append(get(cloud.url("hello"))))
            call.start()
            thread = debugger.event("stopped")["threadId"]
            [frame, *_] = debugger.ask("stackTrace", threadId=thread)["stackFrames"]
            assert (frame["name"], frame["line"]) == ("hello", line)
            assert answers == []
            debugger.ask("continue", threadId=thread)
            call.join()
        assert answers == ["Hello you, quickthumb"]
        processes = children(cloud.process.pid)
        assert cloud.stop(signal.SIGINT) == 0
        assert all_end(processes)


@needs.bash
def test_a_function_runs_by_hand_with_what_env_prints(app):
    with app.up("--port", free_port()) as cloud:
        printed = run("env", "--data", cloud.data, *app.options, "--python", sys.executable).stdout
        script = f'{printed}\necho "$PORT"\nexec functions-framework --target hello\n'
        by_hand = subprocess.Popen(
            ["bash", "-c", script],  # noqa: S607 - the shell that is on the PATH
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        with by_hand:
            try:
                url = f"http://{HOST}:{by_hand.stdout.readline().strip()}"
                eventually(lambda: answers_with(url, "Hello you, quickthumb"), 60)
            finally:
                by_hand.terminate()
        cloud.stop(signal.SIGINT)


def test_a_taken_port_is_told_with_the_way_out(app):
    python = ("--python", sys.executable)
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        options = ("--data", app.folder / "data", *app.options, *python, "--port", port)
        result = run("up", *options)
    assert result.returncode == 1
    assert result.stderr == (
        f"Port {port} is taken by another program. Stop it or choose another port: "
        f"--port {port + 1}\n"
    )


def test_a_project_without_a_python_environment_is_told_how_to_make_one(app):
    (app.source / "requirements.txt").touch()
    result = run("up", *app.options, env={"VIRTUAL_ENV": ""})
    assert result.returncode == 1
    assert f"{app.source} has no Python environment" in result.stderr
    assert f"python3 -m venv {app.source / '.venv'}\n" in result.stderr
    assert f"install functions-framework -r {app.source / 'requirements.txt'}\n" in result.stderr
    assert not (app.folder / ".data").exists()


def test_a_python_without_the_framework_is_told_what_to_install(app):
    bare = app.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    result = run("up", *app.options, "--python", bare, "--debug", "hello")
    python = bare / "bin" / "python"
    assert result.returncode == 1
    assert result.stderr == (
        f"{python} has no functions-framework and no debugpy, with which the functions run. "
        f"Install it: {python} -m pip install functions-framework debugpy\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "nowhere"], "--source nowhere: expected --topology FILE too"),
        (["--topology", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["--python", "nowhere"], "--python nowhere: expected --source DIR too"),
        (["--env-file", "nowhere.env"], "nowhere.env: No such file or directory"),
        (["--debug", "paint"], "--debug paint: unknown function 'paint': expected upload"),
        (["--debug", "upload=http"], "--debug upload=http: 'http': expected a port"),
        (["--debug", "upload", "--debug", "resize"], "--debug upload=5678 --debug resize=5679"),
    ],
)
def test_a_wrong_option_is_told(tmp_path, options, message):
    result = run("up", "--data", tmp_path / "data", *options)
    assert result.returncode == 1
    assert message in result.stderr
    assert not (tmp_path / "data").exists()
