"""The commands of the documents do what they say, and print what is shown."""

import re
import subprocess

import pytest

from emulator.bootstrap import ROOT
from emulator.topology_file import read_topology
from quickthumb.documents.rendition import MAX_SIZE
from tests import needs
from tests.documents import DOCUMENTS, commands
from tests.e2e.commands import run
from tests.settings import settings_with
from tests.unit.test_documents import NOT_RUN, TESTED, WALKED

README = ROOT / "README.md"
DOCS = ROOT / "docs"
_ID = re.compile(r"[0-9a-f]{32}")
_VARYING = re.compile(r'"bytes":\d+|#[0-9a-f]{6}')
"""What depends on the encoder of the machine."""


def runnable(document):
    """Return the commands of a document that run as they stand, beside an `up`."""
    return [
        command
        for command in commands(document)
        if command.line.startswith(WALKED) and not command.line.startswith((*NOT_RUN, *TESTED))
    ]


def test_the_documents_have_commands_to_run():
    names = {document.name for document in DOCUMENTS if runnable(document)}
    assert {"README.md", "api.md", "large-uploads.md"} <= names
    assert sum(len(runnable(document)) for document in DOCUMENTS) >= 10


@needs.bash
@pytest.mark.parametrize(
    "document",
    [document for document in DOCUMENTS if runnable(document)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_curl_prints_what_the_document_shows(shared_up, document, tmp_path):
    shown = next(iter(_ID.findall("".join(c.output for c in runnable(document)))), "-")
    id = shown
    for command in runnable(document):
        line = command.line.replace("http://127.0.0.1:8080", shared_up.url("upload"))
        line = line.replace(shown, id).replace("-o ", f"-o {tmp_path}/")
        line = line.replace("curl -O ", f"curl --output-dir {tmp_path} -O ")
        if not command.output:
            line = line.replace("curl ", "curl --fail --silent --show-error ", 1)
        result = subprocess.run(
            ["bash", "-c", line],  # noqa: S607 - the shell that is on the PATH
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        if line.startswith("curl") and (command.output or id == shown):
            id = next(iter(_ID.findall(result.stdout)), id)
        if command.output:
            expected = re.escape(_VARYING.sub("*", command.output)).replace("…", ".+")
            assert re.fullmatch(
                expected, _VARYING.sub("*", result.stdout.strip().replace(id, shown))
            )
    for name in re.findall(r"-o (\S+)", " ".join(c.line for c in runnable(document))):
        kind = b"\xff\xd8\xff" if name.endswith(".jpg") else b"/**"
        assert (tmp_path / name).read_bytes().startswith(kind)


def test_the_thumb_command_makes_what_the_readme_says(tmp_path):
    lines = [command.line for command in commands(README)]
    [command] = [line for line in lines if line.startswith("python3 -m emulator thumb")]
    arguments = command.replace("--out thumbs", f"--out {tmp_path / 'thumbs'}").split()[3:]
    assert run(*arguments, "--data", tmp_path / "data").returncode == 0
    assert len(list((tmp_path / "thumbs").iterdir())) == 10


@pytest.mark.parametrize(
    "command", ["up", "thumb", "sweep", "load", "env", "test", "lock", "pubsub"]
)
def test_every_command_has_a_help(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: python3 -m emulator {command}")


def test_what_follows_test_goes_to_pytest():
    result = run("test", "-k", "orientation", "--collect-only", "-q", "tests/unit/imaging")
    assert result.returncode == 0, result.stderr
    assert "test_orientation.py::" in result.stdout
    assert "test_crop.py::" not in result.stdout


def test_the_limits_are_those_of_the_settings_and_the_topology():
    settings = settings_with()
    dead_letter = read_topology().subscriptions["resize"].dead_letter
    text = README.read_text()
    for limit in (
        f"at most {settings.max_upload_bytes // 2**20} MiB",
        f"and {settings.max_files} pictures",
        f"at most {settings.max_original_bytes // 2**20} MiB",
        f"at most {settings.max_pixels // 10**6} million pixels",
        f"at most {MAX_SIZE} pixels a side",
    ):
        assert limit in text
    assert f"for {settings.max_wait_seconds} seconds at most" in (DOCS / "api.md").read_text()
    assert dead_letter.max_delivery_attempts == 16
    assert "After sixteen attempts" in (DOCS / "architecture.md").read_text()
