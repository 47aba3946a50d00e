import importlib.util
import subprocess
import sys

import pytest

from emulator import bootstrap
from emulator.errors import InstallError

FILES = ("requirements.txt",)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give an empty project, in which nothing needs to be fetched."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    venv = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    return tmp_path


def test_the_first_use_makes_an_environment_that_the_second_uses_as_it_is(project, capsys):
    bootstrap.install(FILES)
    assert subprocess.run([bootstrap.PYTHON, "-m", "pip", "--version"], check=False).returncode == 0
    said = capsys.readouterr()
    assert "First use: making" in said.err
    assert said.out == ""  # which is for what a command prints
    bootstrap.install(FILES)
    assert capsys.readouterr().err == ""


def test_changed_requirements_are_installed_again(project, capsys):
    bootstrap.install(FILES)
    capsys.readouterr()
    (project / "requirements.txt").write_text("# something else\n")
    bootstrap.install(FILES)
    assert "Installing what requirements.txt asks for" in capsys.readouterr().err


def test_an_installation_that_failed_is_told_and_tried_again(project, capsys):
    (project / "requirements.txt").write_text("./no-such-package\n")
    for _ in range(2):
        with pytest.raises(InstallError, match="no-such-package"):
            bootstrap.install(FILES)
    (project / "requirements.txt").write_text("# nothing\n")
    bootstrap.install(FILES)


def test_an_environment_whose_python_is_gone_is_made_again(project):
    bootstrap.VENV.mkdir()
    (bootstrap.VENV / "bin").mkdir()
    bootstrap.PYTHON.symlink_to("/nonexistent/python")
    bootstrap.install(FILES)
    assert bootstrap.PYTHON.exists()


def test_a_python_without_pip_is_told_what_to_install(project, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    with pytest.raises(InstallError, match="apt-get install python3-venv"):
        bootstrap.install(FILES)
    assert not bootstrap.VENV.exists()


def test_an_old_python_is_told_before_anything_else_is_read():
    code = """
import runpy, sys
sys.version_info = (3, 8, 0)
runpy.run_module("emulator", run_name="__main__")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "needs Python 3.11 or newer, this is 3.8" in result.stderr
    assert "Traceback" not in result.stderr
