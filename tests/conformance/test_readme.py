"""The broker's README: its commands and snippets do what it says, and print what it shows."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from emulator.pubsub import Broker
from emulator.pubsub.topology import read_variables
from tests import needs

README = (ROOT / "emulator/pubsub/README.md").read_text()
CONSOLE = re.findall(r"^```console\n(.*?)```", README, re.DOTALL | re.MULTILINE)
SNIPPETS = re.findall(r"^```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)
SCRIPTS = re.findall(r"^```sh\n(.*?)```", README, re.DOTALL | re.MULTILINE)
FILES = re.findall(r"^```yaml\n(.*?)```", README, re.DOTALL | re.MULTILINE)
OUTPUTS = re.findall(r"```\n\n(?:It prints:\n\n)?```\n(.*?)```", README, re.DOTALL)

# Of the installed package; `tests/e2e/test_pubsub_package.py` tries that. Here it has other names.
COMMAND = "pubsub-emulator "
PACKAGE, NAME_HERE = "pubsub_emulator", "emulator.pubsub"


def command(line):
    """Return variables and options of a line that starts the broker."""
    variables, _, options = line.removeprefix("$ ").partition(COMMAND.strip())
    return dict(each.split("=", 1) for each in variables.split()), options.split()


def python(*arguments, cwd, **variables):
    """Return the process, which finds the package as an installed one is found."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_ports(text):
    return re.sub(r"(127\.0\.0\.1:|listening on )[0-9]+", r"\1PORT", text)


def test_every_block_is_one_that_a_test_runs():
    shown = CONSOLE, SCRIPTS, SNIPPETS, FILES, OUTPUTS
    assert [len(blocks) for blocks in shown] == [6, 1, 3, 1, 2]


@needs.posix("signals")
@pytest.mark.parametrize("number", [1, 3])
def test_the_command_says_what_the_readme_shows(number, tmp_path):
    line, _, shown = CONSOLE[number].partition("\n")
    variables, options = command(line)
    ports = {each: str(free_port()) for each in options if each.isdigit()}
    options = [ports.get(option, option) for option in options]
    with python("-m", NAME_HERE, *options, cwd=tmp_path, **variables) as process:
        said = "".join(process.stdout.readline() for _ in shown.splitlines())
        assert f"export PUBSUB_EMULATOR_HOST={HOST}:{ports['8085']}\n" in said
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert without_ports(said) == without_ports(shown)
    assert (tmp_path / ".pubsub").is_dir() == ("--data" in options)


def test_the_version_is_the_one_that_the_readme_shows(tmp_path):
    line, _, shown = CONSOLE[2].partition("\n")
    with python("-m", NAME_HERE, *command(line)[1], cwd=tmp_path) as process:
        said, problems = process.communicate(timeout=60)
    assert (said, problems) == (shown, "")


@pytest.mark.parametrize("number", [1, 2])
def test_a_program_prints_what_the_readme_shows(number, tmp_path):
    program = SNIPPETS[number].replace(PACKAGE, NAME_HERE)
    with python("-c", program, cwd=tmp_path) as process:
        said, problems = process.communicate(timeout=60)
    assert (without_ports(said), problems) == (without_ports(OUTPUTS[number - 1]), "")
    assert (tmp_path / ".pubsub").is_dir() == (number == 2)


def test_the_test_that_the_readme_shows_passes(tmp_path):
    (tmp_path / "test_orders.py").write_text(SNIPPETS[0])
    plugin = f"{NAME_HERE}.pytest_plugin"
    with python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin), cwd=tmp_path
    ) as process:
        said, problems = process.communicate(timeout=60)
    assert "1 passed" in said, said + problems


def test_the_file_that_the_readme_shows_is_created(tmp_path):
    (tmp_path / "app.yaml").write_text(FILES[0])
    with Broker(topology=tmp_path / "app.yaml") as broker:
        assert set(re.findall(r"shop/subscriptions/(\w+)", metrics(broker))) == {"billing", "mails"}


def test_the_variable_that_the_readme_shows_is_created():
    variables, options = command(CONSOLE[4])
    assert not options
    with Broker(topology=read_variables(variables)) as broker:
        assert set(re.findall(r"shop/subscriptions/(\w+)", metrics(broker))) == {"billing", "mails"}


def test_the_requests_that_the_readme_shows_create_a_topic_and_publish():
    shell = shutil.which("sh")
    if not (shell and shutil.which("curl")):
        pytest.skip("needs curl and a shell")
    with Broker() as broker:
        script = SCRIPTS[0].replace("127.0.0.1:8085", broker.address)
        said = subprocess.run(
            [shell, "-ec", script], capture_output=True, text=True, timeout=60, check=True
        )
        assert said.stdout.startswith('{"name":"projects/demo/topics/greetings",')
        assert re.search(r'\}\{"messageIds":\["[0-9]+"\]\}$', said.stdout)


def test_the_metrics_are_those_that_the_readme_names():
    section = README.partition("| metric,")[2].partition("##")[0]
    with Broker() as broker:
        served = re.findall(r"^# TYPE (\S+)", metrics(broker), re.MULTILINE)
    assert sorted(re.findall(r"`(pubsub_[a-z_]+)`", section)) == sorted(served)


def metrics(broker):
    with urllib.request.urlopen(broker.metrics_url, timeout=20) as answer:
        return answer.read().decode()


def test_links_lead_to_documentation():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 10
    assert all(
        link.startswith("https://docs.cloud.google.com/pubsub/") or link == "CHANGELOG.md"
        for link in links
    )
