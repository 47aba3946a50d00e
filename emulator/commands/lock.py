"""`lock`: pins every package to a version and the hashes of its files.

Each `*.in` lists requirements, and the `*.txt` beside it is the lock that pip installs. Standard
library only: this must work even if the locks cannot be installed.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emulator import venv
from emulator.bootstrap import ROOT, say
from emulator.errors import InvalidOption, Unlockable, Unwritable

LAYERS = ("functions/requirements", "requirements", "tests/requirements")
"""Locks, without suffix. Each includes the requirements and versions of those before it."""

LOCKS = (
    *LAYERS,
    "tests/infra/checkov-requirements",
    "bench/peers/requirements",
    "emulator/lock-tools",
)

WHEELS = Path("functions/wheels")
"""Wheels of packages that are published as source only, deployed with the functions."""

BUILT = "functions/wheels/built"
"""The requirements and source hashes of those packages, as for a lock."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
"""Supported platforms, as uv names them: https://docs.astral.sh/uv/reference/cli/."""

_1980 = "315532800"  # the earliest date in a zip archive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--upgrade",
        nargs="*",
        metavar="PACKAGE",
        help="upgrade these packages, or all; otherwise versions only change if *.in files do",
    )


def run(args: argparse.Namespace) -> int:
    """Resolve the locks with pinned tools."""
    upgrade = upgrades(args.upgrade)
    with tempfile.TemporaryDirectory(prefix="quickthumb-lock-") as folder:
        tools = Path(folder) / "tools"
        say("Installing uv into a temporary folder")
        venv.make(tools)
        venv.install(tools, ROOT / "emulator/lock-tools.txt")
        try:
            changes = lock(venv.interpreter(tools), upgrade)
        except OSError as error:
            raise Unwritable(f"{error.filename}: {error.strerror}") from None
    print("\n".join(changes) or "No package changes.")
    return 0


def upgrades(names: Sequence[str] | None) -> list[str]:
    """Return uv's options to upgrade these packages, all if empty, none if None.

    Raises:
        InvalidOption: a package is in no lock.
    """
    if names is None:
        return []
    known = set().union(*(pins(_text(ROOT / f"{name}.txt")) for name in LOCKS))
    for name in names:
        if name not in known:
            raise InvalidOption(f"--upgrade {name}: no lock has this package")
    return [f"--upgrade-package={name}" for name in names] or ["--upgrade"]


def lock(python: Path, upgrade: Sequence[str] = ()) -> list[str]:
    """Resolve all locks; either all are written or none.

    Args:
        python: of an environment with the tools.
        upgrade: uv's options that select packages to upgrade.

    Returns:
        A line of text for each package that has changed.

    Raises:
        Unlockable: no versions satisfy the requirements on every platform.
    """
    with tempfile.TemporaryDirectory(prefix="quickthumb-lock-") as folder:
        draft = Draft(Path(folder), python)
        draft.build_wheels(upgrade)
        for name in LOCKS:
            say(f"Resolving {name}.in")
            draft.resolve(name, upgrade)
        for name in LOCKS[len(LAYERS) - 1 :]:
            say(f"Checking that {name}.txt can be installed everywhere")
            draft.check(name)
        changes = draft.changes()
        draft.keep()
    return changes


class Draft:
    """A copy of the files that uv works on.

    Args:
        folder: for the copy; it is empty.
        python: of an environment with the tools.
    """

    def __init__(self, folder: Path, python: Path) -> None:
        self._folder = folder
        self._python = python
        for name in (*LOCKS, BUILT):
            for file in (f"{name}.in", f"{name}.txt"):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text(_text(ROOT / file))
        for wheel in (ROOT / WHEELS).glob("*.whl"):
            shutil.copy(wheel, folder / WHEELS)

    def build_wheels(self, upgrade: Sequence[str]) -> None:
        """Build the wheels of packages published as source only, if their versions have changed."""
        before = pins(_text(ROOT / f"{BUILT}.txt"))
        self._compile(BUILT, "--no-deps", "--no-binary=:all:", "--no-annotate", *upgrade)
        wheels = list((self._folder / WHEELS).glob("*.whl"))
        if wheels and before == pins(_text(self._folder / f"{BUILT}.txt")):
            return
        for wheel in wheels:
            wheel.unlink()
        say(f"Building the wheels of {BUILT}.txt")
        self._run(
            *("-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"),
            # Without isolation setuptools is pinned and cffi is missing, so pyvips is not compiled.
            *("--no-build-isolation", "--no-binary=:all:", "--require-hashes"),
            *("--wheel-dir", str(WHEELS), "--requirement", f"{BUILT}.txt"),
        )
        for wheel in (self._folder / WHEELS).glob("*.whl"):
            if not wheel.name.endswith("-py3-none-any.whl"):
                raise Unlockable(f"{wheel.name} is for one platform only")

    def resolve(self, name: str, upgrade: Sequence[str]) -> None:
        """Resolve one lock."""
        self._compile(
            name,
            *("--universal", "--python-version", PYTHONS[0], "--fork-strategy", "fewest"),
            *("--only-binary=:all:", f"--find-links={WHEELS}", *upgrade),
            *(f"--constraint={layer}.txt" for layer in _asking(name)[:-1][-1:]),
        )
        lock = self._folder / f"{name}.txt"
        lock.write_text(header(name) + lock.read_text())

    def check(self, name: str) -> None:
        """Check that a lock can be installed on every platform.

        Raises:
            Unlockable: it lacks a package or a wheel for a platform.
        """
        for platform in PLATFORMS:
            for python in PYTHONS:
                try:
                    self._uv(
                        *("install", "--dry-run", "--target=nowhere", "--requirement"),
                        *(f"{name}.txt", "--python-version", python, "--python-platform", platform),
                    )
                except Unlockable as error:
                    raise Unlockable(f"On {platform} with Python {python}:\n{error}") from None

    def changes(self) -> list[str]:
        """Return a line of text for each package that has changed."""
        lines = []
        for name in LOCKS:
            before, after = (pins(_text(root / f"{name}.txt")) for root in (ROOT, self._folder))
            for package in sorted(before.keys() | after.keys()):
                old, new = before.get(package, "none"), after.get(package, "none")
                if old != new:
                    lines.append(f"{name}.txt: {package} {old} -> {new}")
        return lines

    def keep(self) -> None:
        """Copy the locks and wheels back."""
        for name in (*LOCKS, BUILT):
            shutil.copy(self._folder / f"{name}.txt", ROOT / f"{name}.txt")
        for wheel in (ROOT / WHEELS).glob("*.whl"):
            if not (self._folder / WHEELS / wheel.name).exists():
                wheel.unlink()
        for wheel in (self._folder / WHEELS).glob("*.whl"):
            shutil.copy(wheel, ROOT / WHEELS)

    def _compile(self, name: str, *options: str) -> None:
        """Let uv write a lock, with the previous versions where possible."""
        self._uv(
            *("compile", *(f"{layer}.in" for layer in _asking(name)), f"--output-file={name}.txt"),
            *("--generate-hashes", "--no-header", *options),
        )

    def _uv(self, *arguments: str) -> None:
        self._run(
            "-m", "uv", "pip", *arguments, "--quiet", "--no-config", f"--python={self._python}"
        )

    def _run(self, *arguments: str) -> None:
        result = subprocess.run(
            [str(self._python), *arguments],
            cwd=self._folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": _1980},
            umask=0o022,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            raise Unlockable(f"{result.stdout.strip()}\nNo lock was changed.")


def header(name: str) -> str:
    """Return the first lines of a lock, named without suffix."""
    lines = [
        f"# What is installed of {Path(name).name}.in, written by `python3 -m emulator lock`",
        f"# when it asked for sha256:{asked(name)}.",
        "--require-hashes",
        "--only-binary :all:",
    ]
    if name in LAYERS:  # pip and uv take it relative to this file
        lines.append(f"--find-links {Path(os.path.relpath(WHEELS, Path(name).parent)).as_posix()}")
    return "\n".join(lines) + "\n\n"


def asked(name: str) -> str:
    """Return the hash of a lock's requirements, without their comments."""
    lines = (
        raw.partition("#")[0].strip()
        for layer in _asking(name)
        for raw in (ROOT / f"{layer}.in").read_text().splitlines()
    )
    return hashlib.sha256("\n".join(filter(None, lines)).encode()).hexdigest()


def _asking(name: str) -> Sequence[str]:
    """Return the locks whose `.in` files a lock is resolved from."""
    return LAYERS[: LAYERS.index(name) + 1] if name in LAYERS else (name,)


def pins(lock: str) -> dict[str, str]:
    """Return the versions in the text of a lock, by package."""
    found: dict[str, str] = {}
    for package, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE):
        found[package] = f"{found[package]}, {version}" if package in found else version
    return found


def _text(lock: Path) -> str:
    """Return the text of a file; empty if it is a lock that was deleted to start afresh."""
    return lock.read_text() if lock.exists() or lock.suffix == ".in" else ""
