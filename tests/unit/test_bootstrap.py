import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

import pytest

from emulator import __version__, bootstrap, venv
from emulator.errors import InstallError, Unwritable
from emulator.file_lock import exclusive
from tests import needs
from tests.wheels import OPTIONS, make_wheel

pytestmark = pytest.mark.slow

LOCK = "requirements.txt"


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory):
    """Give an environment to copy, which takes less than making one."""
    place = tmp_path_factory.mktemp("empty") / ".venv"
    venv.make(place)
    return place


@pytest.fixture
def unmade(tmp_path, monkeypatch):
    """Give an empty project, in which nothing needs to be fetched."""
    (tmp_path / LOCK).write_text("# nothing\n")
    place = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", place)
    monkeypatch.setattr(bootstrap, "PYTHON", place / "bin" / "python")
    return tmp_path


@pytest.fixture
def project(unmade, empty_environment, monkeypatch):
    """Give such a project, whose environment is a copy when it is made."""

    def copy(place):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(empty_environment, place, symlinks=True)

    monkeypatch.setattr(bootstrap.venv, "make", copy)
    return unmade


def test_the_first_use_makes_an_environment_that_the_second_uses_as_it_is(unmade, capsys):
    bootstrap.install(LOCK)
    assert subprocess.run([bootstrap.PYTHON, "-m", "pip", "--version"], check=False).returncode == 0
    said = capsys.readouterr()
    assert "First use: installing 0 packages into" in said.err
    assert said.out == ""  # which is for what a command prints
    bootstrap.install(LOCK)
    assert capsys.readouterr().err == ""


def test_a_changed_lock_is_installed_into_the_environment_that_is_there(project, capsys):
    bootstrap.install(LOCK)
    ours = project / ".venv" / "ours"
    ours.touch()
    capsys.readouterr()
    (project / LOCK).write_text("# something else\n")
    bootstrap.install(LOCK)
    said = capsys.readouterr().err
    assert "requirements.txt has changed: installing what is new" in said
    assert ours.exists()


def test_an_installation_that_failed_is_told_and_tried_again(project):
    (project / LOCK).write_text(f"--no-index\nabsent==1 --hash=sha256:{0:064x}\n")
    with pytest.raises(InstallError, match="absent==1 has no package"):
        bootstrap.install(LOCK)
    (project / LOCK).write_text("# nothing\n")
    bootstrap.install(LOCK)


@needs.posix("symbolic links")
def test_an_environment_whose_python_is_gone_is_made_again(project):
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.symlink_to("/nonexistent/python")
    (bootstrap.VENV / "complete-requirements.txt").touch()
    bootstrap.install(LOCK)
    assert bootstrap.PYTHON.exists()


@needs.posix("symbolic links")
def test_an_environment_whose_python_was_upgraded_is_made_again(project):
    bootstrap.install(LOCK)
    (ours := bootstrap.VENV / "ours").touch()
    newer = project / "python3.99"
    newer.symlink_to(shutil.which("true"))
    bootstrap.PYTHON.unlink()
    bootstrap.PYTHON.symlink_to(newer)
    bootstrap.install(LOCK)
    assert bootstrap.PYTHON.resolve() == Path(sys.executable).resolve()
    assert not ours.exists()


def test_an_environment_of_an_earlier_version_is_kept(project):
    bootstrap.install(LOCK)
    (ours := bootstrap.VENV / "ours").touch()
    stamp = bootstrap.VENV / "complete-requirements.txt"
    stamp.write_text(stamp.read_text().partition("\n")[0])
    bootstrap.install(LOCK)
    assert ours.exists()


@needs.posix("symbolic links")
def test_a_project_of_somebody_else_is_told(project, monkeypatch):
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.symlink_to(sys.executable)
    (bootstrap.VENV / "complete-requirements.txt").touch()

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(project), "unlink", refuse)
    with pytest.raises(Unwritable, match=r"complete-requirements\.txt: Permission denied"):
        bootstrap.install(LOCK)


@pytest.fixture
def clone(tmp_path):
    """Give a clone in which the emulator needs one package, of many files."""
    shutil.copytree(bootstrap.ROOT / "emulator", tmp_path / "emulator")
    (tmp_path / "functions").mkdir()
    (tmp_path / "temporary").mkdir()
    files = {f"many/{number}.py": f"number = {number}\n" for number in range(1200)}
    line = make_wheel(tmp_path, "many_files", files=files)
    (tmp_path / LOCK).write_text(OPTIONS + line)
    (tmp_path / "emulator" / "commands" / "env.py").write_text(COMMAND)
    return tmp_path


COMMAND = """
def add_arguments(parser):
    pass


def run(args):
    print("The command ran.")
    return 0
"""
"""A command that needs nothing of what is installed."""


def first_use(clone, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "emulator", *(arguments or ["env"])],
        cwd=clone,
        # A pip that is killed leaves files behind.
        env=os.environ | {"TMPDIR": str(clone / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def interrupt(process):
    """End it as Ctrl-C does."""
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0]
    assert process.returncode == 130
    assert said.endswith("Stopped; the next run installs what is missing.\n")
    assert "Traceback" not in said


def kill(process):
    """End it as the system does: what it has started lives on for a while."""
    process.kill()
    process.communicate()


def has_appeared(venv, pattern, since):
    """Tell whether something was made after a time, in nanoseconds since 1970."""
    with contextlib.suppress(FileNotFoundError):  # what the last run left is being removed
        return any(path.lstat().st_ctime_ns > since for path in venv.glob(pattern))
    return False


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "make thumbnails of files"),
        (["--help"], "make thumbnails of files"),
        (["--version"], f"quickthumb {__version__}"),
        (["test", "--help"], "usage: python3 -m emulator test"),
        (["lock", "--help"], "usage: python3 -m emulator lock"),
        (["tset"], "invalid choice: 'tset'"),
    ],
)
def test_help_and_a_mistyped_command_install_nothing(clone, arguments, expected):
    command = [sys.executable, "-m", "emulator", *arguments]
    result = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert not (clone / ".venv").exists()
    assert result.returncode == (2 if arguments == ["tset"] else 0)
    assert expected in result.stdout + result.stderr


@needs.linux("sizes are those of Linux")
@pytest.mark.parametrize("lock", bootstrap.MEGABYTES)
def test_what_is_told_to_be_installed_is_about_what_the_packages_of_the_lock_take(lock):
    pinned = re.findall(r"^([\w.-]+)==", (bootstrap.ROOT / lock).read_text(), re.MULTILINE)
    wanted = {re.sub("[-_.]+", "-", name).lower() for name in pinned}
    there = {re.sub("[-_.]+", "-", each.name).lower(): each for each in distributions()}
    files = (file for name in wanted & there.keys() for file in there[name].files or ())
    taken = sum(file.size or 0 for file in files if file.suffix != ".pyc")
    _, disk = bootstrap.MEGABYTES[lock]
    assert len(wanted & there.keys()) > len(wanted) * 0.9
    assert taken / 1e6 == pytest.approx(disk, rel=0.15)


def test_two_first_uses_at_once_install_once(clone):
    processes = [first_use(clone) for _ in range(2)]
    said = sorted((each.communicate()[0] for each in processes), key=len)
    assert [each.returncode for each in processes] == [0, 0]
    assert all(text.endswith("The command ran.\n") for text in said)
    assert sum("First use: installing" in text for text in said) == 1
    assert "Another process is installing; waiting for it." in "".join(said)


def wait_for(clone, process, moment, since):
    while not has_appeared(clone / ".venv", moment, since):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)


@needs.posix("processes are ended as on POSIX")
def test_a_signal_to_the_command_alone_ends_the_installation_too(clone):
    start = time.time_ns()
    process = first_use(clone)
    wait_for(clone, process, "lib/*/site-packages/many/400.py", start)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    with exclusive(clone / ".venv.lock", wait=False):  # which pip held too
        pass
    (many,) = (clone / ".venv").glob("lib/*/site-packages/many")
    assert len(list(many.glob("*.py"))) < 1200


@needs.posix("signals are held back as on POSIX")
@pytest.mark.parametrize("module", ["emulator", "emulator.cli"])
def test_ctrl_c_while_the_command_starts_is_no_traceback(clone, module):
    pressed = (
        "import os, signal, sys;"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]);"  # as `bootstrap` does
        "os.kill(os.getpid(), signal.SIGINT);"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    result = subprocess.run(
        [sys.executable, "-c", pressed, "-m", module, "env"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 130, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@needs.posix("processes are ended as on POSIX")
def test_a_first_use_that_was_cut_short_is_mended_by_the_next(clone):
    for end, moment in (
        (interrupt, "bin/python"),
        (kill, "lib/*/site-packages/pip"),
        (interrupt, "lib/*/site-packages/many/400.py"),
        (kill, "lib/*/site-packages/many/400.py"),
    ):
        start = time.time_ns()
        process = first_use(clone)
        wait_for(clone, process, moment, start)
        end(process)
    process = first_use(clone)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "The last installation was interrupted: installing 1 packages" in said
    assert said.endswith("The command ran.\n")
    (many,) = (clone / ".venv").glob("lib/*/site-packages/many")
    assert len(list(many.glob("*.py"))) == 1200
    programs = clone / ".venv" / "bin"
    assert subprocess.run([programs / "python", "-m", "pip", "check"], check=False).returncode == 0


FULL_DISK = """
set -e
mount -t tmpfs -o size=$1m tmpfs "$2"
cp -r "$3"/emulator "$3"/requirements.txt "$2"
cd "$2"
"$4" -m emulator env 2>&1 && exit 9
echo ==== more room
mount -o remount,size=400m tmpfs "$2"
"$4" -m emulator env 2>&1
"""


@needs.linux("mounts a small disk as on Linux")
@pytest.mark.parametrize(
    ("megabytes", "what"), [(8, "Could not create"), (40, "pip could not install")]
)
def test_a_first_use_that_filled_the_disk_is_mended_by_the_next(clone, tmp_path, megabytes, what):
    namespace = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a disk of its own: unshare --mount --map-root-user")
    line = make_wheel(clone, "large", content=f"# {os.urandom(24 * 2**20).hex()}\n")
    (clone / LOCK).write_text(OPTIONS.replace("wheels", str(clone / "wheels")) + line)
    disk = tmp_path / "disk"
    disk.mkdir()
    result = subprocess.run(
        [*namespace, "sh", "-c", FULL_DISK, "sh", str(megabytes), disk, clone, sys.executable],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    before, after = result.stdout.split("==== more room")
    assert what in before
    assert "The disk is full: " in before
    assert "Traceback" not in before
    assert after.endswith("The command ran.\n")


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
