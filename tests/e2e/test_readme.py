"""The README's commands do what it says, and print what it shows."""

import re
import signal
import subprocess

import pytest

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from emulator.topology_file import read_topology
from quickthumb.documents.rendition import MAX_SIZE
from quickthumb.settings import Settings
from tests.e2e.commands import run, up

README = (ROOT / "README.md").read_text()
_ID = re.compile(r"[0-9a-f]{32}")


def sessions() -> list[tuple[str, str]]:
    """Return the commands of the README's console blocks and what each prints there."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def test_every_command_is_one_that_a_test_runs():
    prefixes = ("curl", "python3 -m emulator", 'eval "$(python3 -m emulator env)"', "functions-fr")
    prefixes += (
        "gcloud ",
        "python3 infra/",
        "terraform ",
    )  # compared and linted in tests/infra
    assert len(sessions()) >= 7
    assert [command for command, _ in sessions() if not command.startswith(prefixes)] == []


def test_every_curl_prints_what_the_readme_shows(tmp_path):
    [shown] = {id for _, output in sessions() for id in _ID.findall(output)}
    id = shown
    with up(tmp_path, "--port", free_port()) as cloud:
        for command, expected in sessions():
            if not command.startswith("curl"):
                continue
            line = command.replace("http://127.0.0.1:8080", cloud.url("upload"))
            line = line.replace(shown, id).replace("-o ", f"-o {tmp_path}/")
            result = subprocess.run(
                ["bash", "-c", line],  # noqa: S607 - the shell that is on the PATH
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            id = next(iter(_ID.findall(result.stdout)), id)
            assert result.stdout.replace(id, shown) == expected.rstrip("\n")
        cloud.stop(signal.SIGINT)
    assert (tmp_path / "rocket_256.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_the_thumb_command_makes_what_the_readme_says(tmp_path):
    [command] = [line for line, _ in sessions() if line.startswith("python3 -m emulator thumb")]
    arguments = command.replace("--out thumbs", f"--out {tmp_path / 'thumbs'}").split()[3:]
    assert run(*arguments, "--data", tmp_path / "data").returncode == 0
    assert len(list((tmp_path / "thumbs").iterdir())) == 10


@pytest.mark.parametrize("command", ["up", "thumb", "sweep", "env", "test", "lock", "pubsub"])
def test_every_command_has_a_help(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: python3 -m emulator {command}")


def test_what_follows_test_goes_to_pytest():
    assert "`python3 -m emulator test -k orientation`" in README
    result = run("test", "-k", "orientation", "--collect-only", "-q", "tests/unit/imaging")
    assert result.returncode == 0, result.stderr
    assert "test_orientation.py::" in result.stdout
    assert "test_crop.py::" not in result.stdout


def test_every_link_to_a_file_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not leads_somewhere(*link.partition("#")[::2])] == []


def leads_somewhere(path: str, heading: str) -> bool:
    if not heading:
        return (ROOT / path).exists()
    lines = (ROOT / path).read_text().splitlines()
    return heading in (line.lstrip("# ").lower().replace(" ", "-") for line in lines)


def test_the_limits_are_those_of_the_settings_and_the_topology():
    settings = Settings("o", "p", "r", "projects/p/topics/u", "projects/p/topics/c")
    dead_letter = read_topology().subscriptions["resize"].dead_letter
    for text in (
        f"at most {settings.max_upload_bytes // 2**20} MiB",
        f"and {settings.max_files} pictures",
        f"at most {settings.max_original_bytes // 2**20} MiB",
        f"at most {settings.max_pixels // 10**6} million pixels",
        f"at most {MAX_SIZE} pixels a side",
        f"for {settings.max_wait_seconds} seconds at most",
    ):
        assert text in README
    assert dead_letter.max_delivery_attempts == 16
    assert "after sixteen of them" in README
