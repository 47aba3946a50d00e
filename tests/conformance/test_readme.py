"""The broker's README: its commands and snippets do what it says, and print what it shows."""

import os
import re
import signal
import subprocess
import sys

import pytest

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port

README = (ROOT / "emulator/pubsub/README.md").read_text()
CONSOLE = re.findall(r"^```console\n(.*?)```", README, re.DOTALL | re.MULTILINE)
SNIPPETS = re.findall(r"^```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)
OUTPUTS = re.findall(r"```\n\n(?:It prints:\n\n)?```\n(.*?)```", README, re.DOTALL)


def python(*arguments, cwd):
    """Return the process, which finds the package as an installed one is found."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_ports(text):
    return re.sub(r"(127\.0\.0\.1:|listening on )[0-9]+", r"\1PORT", text)


def test_every_block_is_one_that_a_test_runs():
    assert (len(CONSOLE), len(SNIPPETS), len(OUTPUTS)) == (2, 3, 2)


def test_the_command_says_what_the_readme_shows(tmp_path):
    command, _, shown = CONSOLE[0].partition("\n")
    program, *arguments = command.removeprefix("$ ").split()
    port = str(free_port())
    arguments = [port if argument == "8085" else argument for argument in arguments]
    with python(*arguments, cwd=tmp_path) as process:
        said = "".join(process.stdout.readline() for _ in range(3))
        assert f"export PUBSUB_EMULATOR_HOST={HOST}:{port}\n" in said
        process.send_signal(signal.SIGTERM)
    assert program == "python3"
    assert process.returncode == 0
    assert without_ports(said) == without_ports(shown)
    assert (tmp_path / ".pubsub").is_dir()


def test_the_version_is_the_one_that_the_readme_shows(tmp_path):
    command, _, shown = CONSOLE[1].partition("\n")
    with python(*command.removeprefix("$ ").split()[1:], cwd=tmp_path) as process:
        said, problems = process.communicate(timeout=60)
    assert (said, problems) == (shown, "")


@pytest.mark.parametrize("number", [0, 1])
def test_a_program_prints_what_the_readme_shows(number, tmp_path):
    with python("-c", SNIPPETS[number], cwd=tmp_path) as process:
        said, problems = process.communicate(timeout=60)
    assert (without_ports(said), problems) == (without_ports(OUTPUTS[number]), "")
    assert (tmp_path / ".pubsub").is_dir() == (number == 1)


def test_the_test_that_the_readme_shows_passes(tmp_path):
    (tmp_path / "test_topics.py").write_text(SNIPPETS[2])
    with python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path) as process:
        said, problems = process.communicate(timeout=60)
    assert "1 passed" in said, said + problems


def test_links_lead_to_documentation():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 10
    assert all(link.startswith("https://docs.cloud.google.com/pubsub/") for link in links)
