"""Installations, and messages if they fail."""

import importlib.util
import subprocess

import pytest

from emulator import venv
from emulator.errors import InstallError
from emulator.ports import HOST, free_port
from tests.wheels import OPTIONS, make_wheel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An environment in which every test of this file installs."""
    place = tmp_path_factory.mktemp("venv") / "place"
    venv.make(place)
    return place


@pytest.fixture
def lock(tmp_path):
    """Returns a function that writes a lock with these lines."""

    def write(*lines, head=OPTIONS):
        path = tmp_path / "requirements.txt"
        path.write_text(head + "".join(lines))
        return path

    return write


def has(place, name):
    command = [venv.interpreter(place), "-c", f"import {name}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def failure(place, path):
    with pytest.raises(InstallError) as caught:
        venv.install(place, path)
    return str(caught.value)


def test_what_a_lock_names_is_installed(place, lock, tmp_path):
    venv.install(place, lock(make_wheel(tmp_path, "named")))
    assert has(place, "named")


def test_a_file_with_another_hash_is_refused_by_name_and_nothing_is_installed(
    place, lock, tmp_path
):
    right = make_wheel(tmp_path, "honest")
    wrong = make_wheel(tmp_path, "tampered")
    make_wheel(tmp_path, "tampered", content="import this")
    hashes = f"{wrong.strip()} {' '.join(f'--hash=sha256:{n:064x}' for n in range(100))}\n"
    message = failure(place, lock(right, hashes))
    assert message.startswith("tampered==1: the downloaded file matches no hash in")
    assert "tampered-1-py3-none-any.whl" in message
    assert "`python3 -m emulator lock`" in message
    assert len(message.splitlines()) < 10  # a hundred expected hashes help nobody
    assert not has(place, "tampered")
    assert not has(place, "honest")


def test_hashes_are_required_also_where_a_lock_does_not_say_so(place, lock, tmp_path):
    make_wheel(tmp_path, "bare")
    bare = lock("bare==1\n", head="--no-index\n--find-links wheels\n")
    assert failure(place, bare).startswith("bare==1 is required, but")
    assert not has(place, "bare")


def test_a_package_that_the_lock_forgot_is_named(place, lock, tmp_path):
    make_wheel(tmp_path, "forgotten")
    message = failure(place, lock(make_wheel(tmp_path, "needy", requires=["forgotten"])))
    assert message.startswith("forgotten is required, but")
    assert "`python3 -m emulator lock`" in message


def test_a_package_without_a_wheel_for_this_python_is_named(place, lock):
    message = failure(place, lock(f"elsewhere==1 --hash=sha256:{0:064x}\n"))
    assert message.startswith("elsewhere==1 has no package for this Python")


def test_source_is_never_built(place, lock, tmp_path):
    line = make_wheel(tmp_path, "built")
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    wheel.rename(wheel.with_name("built-1.tar.gz"))
    assert failure(place, lock(line, head="--no-index\n--find-links wheels\n")).startswith(
        "built==1 has no package for this Python"
    )


def test_an_index_that_cannot_be_reached_is_told(place, lock, monkeypatch):
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    nobody = f"--index-url http://{HOST}:{free_port()}/\n"
    message = failure(place, lock(f"far==1 --hash=sha256:{0:064x}\n", head=nobody))
    assert "The package index cannot be reached: check your network, then try again." in message
    assert "Connection refused" in message


def test_a_python_without_pip_is_told_what_to_install(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    with pytest.raises(InstallError, match="apt-get install python3-venv"):
        venv.make(tmp_path / "venv")
    assert not (tmp_path / "venv").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InstallError, match="Could not create"):
        venv.make(tmp_path / "file" / "venv")
