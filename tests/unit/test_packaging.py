"""The wheel: it has all that the emulator runs, and asks for what each purpose names."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser

import pytest
from packaging.requirements import Requirement

from emulator import __version__
from emulator.bootstrap import ROOT
from tests.unit.test_requirements import asked_for


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder in which the wheel is unpacked, as pip does it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder]
    result = subprocess.run([*pip, ROOT], capture_output=True, text=True, check=False)
    if result.returncode and "hatchling" in result.stderr:
        pytest.skip(f"needs a package index for the build: {result.stderr[-300:]}")
    assert result.returncode == 0, result.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(
    installed, *arguments, program="import sys; from emulator.cli import main; sys.exit(main())"
):
    command = [sys.executable, "-c", f"import sys; sys.argv[0] = 'quickthumb'; {program}"]
    env = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [*command, *arguments],
        cwd=installed.parent,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_of_the_wheel_runs_without_the_project(installed):
    version = run(installed, "--version")
    assert version.stdout == f"quickthumb {__version__}\n", version.stderr
    usage = run(installed, "thumb", "--help")
    assert usage.stdout.startswith("usage: quickthumb thumb"), usage.stderr
    listed = run(installed, "--help").stdout
    assert "up " in listed
    assert "lock" not in listed  # which works on the files of the project


def test_the_wheel_has_what_the_emulator_runs(installed):
    program = "from emulator.topology_file import read_topology; read_topology()"
    assert run(installed, program=program).returncode == 0
    program = "from emulator.source import SOURCE; print(SOURCE)"
    source = run(installed, program=program).stdout.strip()
    assert source.startswith(str(installed))
    deployed = {path.relative_to(ROOT) for path in (ROOT / "functions").rglob("*.*")}
    carried = installed / "emulator" / "project_files"
    for path in deployed:
        if "__pycache__" not in path.parts:
            assert (carried / path).exists(), path


def test_the_wheel_asks_for_what_each_purpose_names(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    told = Parser().parsestr(metadata.read_text())
    assert told["Version"] == __version__
    needed = [Requirement(text) for text in told.get_all("Requires-Dist")]
    always = {each.name for each in needed if "extra" not in str(each.marker)}
    tests = {each.name for each in needed if "extra" in str(each.marker)}

    def named(*files):
        return {each.name.lower() for file in files for each in asked_for(file)}

    assert always == named("functions/requirements", "requirements")
    assert tests == named("tests/requirements")


def test_the_program_is_the_command_line(installed):
    (file,) = installed.glob("*.dist-info/entry_points.txt")
    assert "quickthumb = emulator.cli:main" in file.read_text()
