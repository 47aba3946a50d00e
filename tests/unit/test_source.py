import sys
from pathlib import Path

import pytest

from emulator import venv
from emulator.errors import SourceUnusable
from emulator.source import Source, entry_file, find_python
from tests import needs


def make_environment(folder):
    python = venv.interpreter(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return python


def test_the_functions_are_in_main_py_or_in_the_file_that_is_named(tmp_path):
    file = tmp_path / "main.py"
    with pytest.raises(SourceUnusable, match=r"there is no .*main\.py"):
        entry_file(tmp_path)
    file.touch()
    assert entry_file(tmp_path) == entry_file(file) == file.resolve()


@needs.posix("symbolic links")
def test_an_environment_is_found_beside_the_code_before_the_one_that_is_activated(tmp_path):
    activated = make_environment(tmp_path / "activated")
    env = {"VIRTUAL_ENV": str(tmp_path / "activated")}
    assert find_python(tmp_path, None, env) == activated
    second = make_environment(tmp_path / "venv")
    assert find_python(tmp_path, None, env) == second
    first = make_environment(tmp_path / ".venv")
    assert find_python(tmp_path, None, env) == first
    assert find_python(tmp_path, tmp_path / "activated", env) == activated
    assert find_python(tmp_path, second, env) == second


@needs.posix("symbolic links")
def test_an_environment_stays_known_by_its_link(tmp_path, monkeypatch):
    python = make_environment(tmp_path / ".venv")
    monkeypatch.chdir(tmp_path)
    assert find_python(Path(), None, {}) == python


def test_without_an_environment_the_way_to_one_is_told(tmp_path):
    with pytest.raises(SourceUnusable, match="pip install functions-framework\n"):
        find_python(tmp_path, None, {})
    with pytest.raises(SourceUnusable, match=r"--python .*nowhere: there is no "):
        find_python(tmp_path, tmp_path / "nowhere", {})


def test_what_is_no_python_is_told(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(SourceUnusable, match="does not run Python"):
        Source(tmp_path / "main.py", program).check()


def test_variables_are_not_part_of_what_is_printed_of_a_source():
    assert "hunter2" not in repr(Source(variables={"PASSWORD": "hunter2"}))
