"""The locks: what is installed is what is asked for, pinned and hashed, and the wheels we carry."""

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from itertools import pairwise
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from emulator.bootstrap import ROOT
from emulator.commands import lock as requirements
from emulator.commands.lock import BUILT, LAYERS, LOCKS, WHEELS, asked, header, pins
from emulator.errors import InstallError, InvalidOption, Unlockable
from tests.environments import environment

pytestmark = pytest.mark.slow

CRONSIM = pins((ROOT / "requirements.txt").read_text())["cronsim"]  # a small package, to try with


class Locked(NamedTuple):
    requirement: Requirement
    hashes: frozenset[str]
    needed_by: frozenset[str]


def locked(name):
    """Return the packages of a lock; every line of it must be understood."""
    text = (ROOT / f"{name}.txt").read_text().partition("\n\n")[2].replace("\\\n", "")
    found = []
    for block in re.findall(r"^\S.*\n(?:[ \t]+#.*\n)*", text, re.MULTILINE):
        line, *comments = block.splitlines()
        pin, *hashes = re.split(r"\s+--hash=", line.strip())
        by = {comment.strip(" #").removeprefix("via").strip() for comment in comments} - {""}
        found.append(Locked(Requirement(pin), frozenset(hashes), frozenset(by)))
    assert sum(len(each.hashes) for each in found) == text.count("--hash=")
    assert len(found) == len(re.findall(r"^[^ #\n]", text, re.MULTILINE))
    return found


def asked_for(name):
    """Return what stands in the file itself, without what it includes."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / f"{name}.in").open())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize("name", [*LOCKS, BUILT])
def test_every_package_is_pinned_to_one_version_and_has_hashes(name):
    packages = locked(name) if name in LOCKS else built()
    assert packages
    for package in packages:
        assert re.fullmatch(r"==[0-9][^*,]*", str(package.requirement.specifier)), package
        assert package.hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in package.hashes), package


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_of_what_is_asked_for_now(name):
    told = f"{name}.in was changed since: run `python3 -m emulator lock`"
    assert (ROOT / f"{name}.txt").read_text().startswith(header(name)), told


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_is_asked_for_and_what_that_needs(name):
    packages = locked(name)
    names = {package.requirement.name for package in packages}
    wanted = asked_for(name)
    for requirement in wanted:
        marker = str(requirement.marker) if requirement.marker else None
        of_name = [p for p in packages if p.requirement.name == canonicalize_name(requirement.name)]
        assert any(
            requirement.specifier.contains(next(iter(p.requirement.specifier)).version)
            and (marker is None or p.requirement.marker)
            for p in of_name
        ), requirement
    source = f"-r {name}.in"
    directly = {p.requirement.name for p in packages if source in p.needed_by}
    assert directly == {canonicalize_name(requirement.name) for requirement in wanted}
    for package in packages:
        by = {each for each in package.needed_by if not each.startswith("-")}
        assert by <= names, package
        assert package.needed_by, package


@pytest.mark.parametrize(("small", "large"), list(pairwise(LAYERS)))
def test_what_runs_here_is_what_is_deployed_and_what_is_tested(small, large):
    of = {name: {(p.requirement, p.hashes) for p in locked(name)} for name in (small, large)}
    assert of[small] <= of[large]


def test_these_tests_run_with_what_is_locked():
    for package in locked("tests/requirements"):
        requirement = package.requirement
        if requirement.marker is None or requirement.marker.evaluate():
            version = distribution(requirement.name).version
            assert requirement.specifier.contains(version, prereleases=True), requirement
    result = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_a_comment_is_no_change_and_the_layer_below_is(tmp_path, monkeypatch):
    monkeypatch.setattr(requirements, "ROOT", tmp_path)
    monkeypatch.setattr(requirements, "LAYERS", ("two", "one"))
    (tmp_path / "one.in").write_text("yes\n")
    (tmp_path / "two.in").write_text("no\n")
    before = asked("one")
    (tmp_path / "one.in").write_text("# why\n\nyes  # because\n")
    assert asked("one") == before
    (tmp_path / "two.in").write_text("no>2\n")
    assert asked("one") != before


@pytest.fixture(scope="module")
def tools():
    """The Python that has uv."""
    try:
        python = environment("lock", ROOT / "emulator/lock-tools.txt") / "python"
    except InstallError as error:
        if "cannot be reached" not in str(error):
            raise
        pytest.skip(f"needs a package index: {error}")
    command = [python, "-m", "uv", "pip", "compile", "--quiet", "--no-cache", "-"]
    result = subprocess.run(command, input="cronsim", capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"needs a package index: {result.stderr}")
    return python


def wheels():
    return sorted((ROOT / WHEELS).glob("*.whl"))


def built():
    text = (ROOT / f"{BUILT}.txt").read_text().replace("\\\n", "")
    for line in text.splitlines():
        pin, *hashes = re.split(r"\s+--hash=", line)
        yield Locked(Requirement(pin), frozenset(hashes), frozenset())


def test_the_wheels_are_of_the_versions_that_were_built():
    versions = {
        name: str(version)
        for name, version, *_ in (parse_wheel_filename(wheel.name) for wheel in wheels())
    }
    assert versions == pins((ROOT / f"{BUILT}.txt").read_text())
    wanted = asked_for(BUILT)
    assert versions.keys() == {requirement.name for requirement in wanted}
    assert all(each.specifier.contains(versions[each.name]) for each in wanted)


@pytest.mark.parametrize("wheel", wheels(), ids=lambda wheel: wheel.name)
def test_a_wheel_is_the_one_that_is_locked_and_is_for_any_platform(wheel):
    name, _version, _build, tags = parse_wheel_filename(wheel.name)
    assert {str(tag) for tag in tags} == {"py3-none-any"}
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for lock in LAYERS:
        (package,) = (p for p in locked(lock) if p.requirement.name == name)
        assert package.hashes == {f"sha256:{digest}"}


@pytest.mark.parametrize("wheel", wheels(), ids=lambda wheel: wheel.name)
def test_a_wheel_has_the_files_of_its_source_and_nothing_else(wheel, tools, tmp_path):
    name, version, *_ = parse_wheel_filename(wheel.name)
    pip = [tools, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--quiet"]
    lock = ["--no-binary=:all:", "--require-hashes", f"--requirement={ROOT / BUILT}.txt"]
    command = [*pip, *lock, f"--dest={tmp_path}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        assert "Retrying (" in result.stderr, result.stderr
        pytest.skip(f"needs a package index to fetch the source: {result.stderr[-300:]}")
    with tarfile.open(tmp_path / f"{name}-{version}.tar.gz") as archive:
        source = {
            member.name.partition("/")[2]: archive.extractfile(member).read()
            for member in archive.getmembers()
            if member.isfile()
        }
    with zipfile.ZipFile(wheel) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    info = f"{name}-{version}.dist-info/"
    code = {path: data for path, data in contents.items() if not path.startswith(info)}
    assert code == {path: data for path, data in source.items() if path.startswith(f"{name}/")}
    assert contents[f"{info}METADATA"] == source["PKG-INFO"]
    assert contents[f"{info}licenses/LICENSE.txt"] == source["LICENSE.txt"]
    written = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE.txt", "top_level.txt"}
    assert contents.keys() - code.keys() == {info + file for file in written}
    for path, digest, _size in csv.reader(io.StringIO(contents[f"{info}RECORD"].decode())):
        if digest:
            sha256 = hashlib.sha256(contents[path]).digest()
            assert digest == f"sha256={base64.urlsafe_b64encode(sha256).decode().rstrip('=')}"


@pytest.mark.parametrize("name", LAYERS)
def test_pip_finds_the_wheels_wherever_it_is_started(name, tmp_path):
    """Google's buildpack starts it in functions/, and the emulator in the project."""
    for wheel in wheels():
        (tmp_path / WHEELS).mkdir(parents=True)
        (tmp_path / WHEELS / wheel.name).write_bytes(wheel.read_bytes())
    lock = tmp_path / f"{name}.txt"
    lock.parent.mkdir(parents=True, exist_ok=True)
    carried = {name for name, *_ in (parse_wheel_filename(wheel.name) for wheel in wheels())}
    pinned = (p for p in locked(name) if p.requirement.name in carried)
    lines = "\n".join(f"{p.requirement} --hash={next(iter(p.hashes))}" for p in pinned)
    lock.write_text(f"{header(name)}--no-index\n{lines}\n")
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed"]
    for folder in (lock.parent, tmp_path, ROOT):
        command = [*pip, "--disable-pip-version-check", "--requirement", str(lock)]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert all(f"Would install {name}" in result.stdout for name in carried)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of what is asked for and of the locks, for one platform, to save time."""
    for name in (*LOCKS, BUILT):
        for file in (f"{name}.in", f"{name}.txt"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, tmp_path / file)
    for wheel in wheels():
        shutil.copy(wheel, tmp_path / WHEELS)
    monkeypatch.setattr(requirements, "ROOT", tmp_path)
    monkeypatch.setattr(requirements, "PLATFORMS", requirements.PLATFORMS[:1])
    monkeypatch.setattr(requirements, "PYTHONS", requirements.PYTHONS[:1])
    return tmp_path


def texts(project):
    return {path: path.read_bytes() for path in project.rglob("*.*") if path.is_file()}


def test_a_new_requirement_is_added_to_every_lock(tools, project):
    asks(project, "functions/requirements.in", f"cronsim<{CRONSIM}")
    changes = requirements.lock(tools)
    assert [change.partition(" ")[0] for change in changes] == [f"{name}.txt:" for name in LAYERS]
    before, after = CRONSIM, pins((project / "requirements.txt").read_text())["cronsim"]
    assert changes[0] == f"functions/requirements.txt: cronsim none -> {after}"
    assert changes[1] == f"requirements.txt: cronsim {before} -> {after}"


def test_a_lock_that_was_removed_is_made_as_the_one_before_it_demands(tools, project):
    before = pins((project / "requirements.txt").read_text())
    (project / "requirements.txt").unlink()
    requirements.lock(tools)
    after = pins((project / "requirements.txt").read_text())
    assert after.keys() == before.keys()
    assert pins((project / "functions/requirements.txt").read_text()).items() <= after.items()


def test_a_wheel_is_built_anew_for_another_version(tools, project):
    newest = pins((ROOT / f"{BUILT}.txt").read_text())["pyvips"]
    asks(project, f"{BUILT}.in", f"pyvips<{newest}")
    changes = requirements.lock(tools)
    other = pins((project / f"{BUILT}.txt").read_text())["pyvips"]
    assert changes == [f"{name}.txt: pyvips {newest} -> {other}" for name in LAYERS]
    assert [wheel.name for wheel in (project / WHEELS).glob("*.whl")] == [
        f"pyvips-{other}-py3-none-any.whl"
    ]


def test_an_unavailable_package_changes_nothing(tools, project):
    asks(project, "tests/requirements.in", f"cronsim<{CRONSIM}")  # the emulator's lock has another
    before = contents(project)
    with pytest.raises(Unlockable, match=r"cronsim(.|\n)*\nNo lock was changed\.$"):
        requirements.lock(tools)
    assert contents(project) == before


def test_a_package_without_wheels_for_a_platform_is_reported(tools, project, monkeypatch):
    monkeypatch.setattr(requirements, "PLATFORMS", ("aarch64-pc-windows-msvc",))
    before = contents(project)
    with pytest.raises(Unlockable, match=r"^On aarch64-pc-windows-msvc with Python 3\.11:\n.*"):
        requirements.lock(tools)
    assert contents(project) == before


def test_a_newer_version_is_taken_only_where_it_is_wanted(tools, project):
    assert requirements.upgrades(None) == []
    assert requirements.upgrades([]) == ["--upgrade"]
    asks(project, "requirements.in", f"cronsim<{CRONSIM}")
    requirements.lock(tools)
    older = pins((project / "requirements.txt").read_text())["cronsim"]
    text = (project / "requirements.in").read_text()
    (project / "requirements.in").write_text(text.replace(f"cronsim<{CRONSIM}", ""))
    assert requirements.lock(tools) == []
    [change, _] = requirements.lock(tools, requirements.upgrades(["cronsim"]))
    assert change.startswith(f"requirements.txt: cronsim {older} -> ")


def test_a_package_that_is_in_no_lock_cannot_be_upgraded():
    with pytest.raises(InvalidOption, match=r"--upgrade cronsin: no lock has this package"):
        requirements.upgrades(["pillow", "cronsin"])


def contents(project):
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def asks(project, file, line):
    with (project / file).open("a") as source:
        source.write(f"{line}\n")
