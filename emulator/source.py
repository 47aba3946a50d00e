"""The code of the functions, and what they run with: a Python, and variables."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulator import venv
from emulator.errors import SourceUnusable
from emulator.project import FILES

SOURCE = FILES / "functions" / "main.py"

_ENTRY = "main.py"
_ENVIRONMENTS = (".venv", "venv")
"""Where a project usually has its Python environment."""

_PROBE = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if not importlib.util.find_spec(name)]))
"""
_PROBE_SECONDS = 60


@dataclass(frozen=True)
class Source:
    """The code of the functions.

    Attributes:
        file: that defines them.
        python: the interpreter that runs them.
        variables: set for all of them, in addition to those of the topology.
        debuggers: port on which a debugger may attach, by function.
    """

    file: Path = SOURCE
    python: Path = Path(sys.executable)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    debuggers: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether these are the functions of QuickThumb."""
        return self.file == SOURCE

    @property
    def folder(self) -> Path:
        """The folder with the code."""
        return self.file.parent

    def check(self) -> None:
        """Check that what the functions need is installed.

        Raises:
            SourceUnusable: it is not.
        """
        needed = ["functions_framework", *(["debugpy"] if self.debuggers else [])]
        if missing := _missing(self.python, needed):
            packages = " ".join(name.replace("_", "-") for name in missing)
            raise SourceUnusable(
                f"{self.python} has no {' and no '.join(packages.split())}, with which the "
                f"functions run. Install it: {self.python} -m pip install {packages}"
            )


def entry_file(source: Path) -> Path:
    """Return the file that defines the functions, given that file or its folder.

    Raises:
        SourceUnusable: there is none.
    """
    file = source / _ENTRY if source.is_dir() else source
    if not file.is_file():
        raise SourceUnusable(
            f"--source {source}: there is no {file}: expected a folder with {_ENTRY}, or the file "
            "that defines the functions"
        )
    return file.resolve()


def find_python(folder: Path, given: Path | None, env: Mapping[str, str] = os.environ) -> Path:
    """Return the interpreter for the functions in a folder.

    It is the one that is given, else that of `.venv` or `venv` in the folder, else that of the
    environment that is activated. There is no other default, since a Python that happens to be
    there lacks what the functions import.

    Raises:
        SourceUnusable: there is none.
    """
    if given is not None:
        python = venv.interpreter(given) if given.is_dir() else given
        if not python.is_file():
            raise SourceUnusable(f"--python {given}: there is no {python}")
        return _absolute(python)
    places = [folder / name for name in _ENVIRONMENTS]
    if activated := env.get("VIRTUAL_ENV"):
        places.append(Path(activated))
    for place in places:
        if (python := venv.interpreter(place)).is_file():
            return _absolute(python)
    here = folder / _ENVIRONMENTS[0]
    raise SourceUnusable(
        f"{folder} has no Python environment for the functions: expected {here}. Make it:\n"
        f"  python3 -m venv {here}\n"
        f"  {venv.interpreter(here)} -m pip install functions-framework{_requirements(folder)}\n"
        "or choose another one with --python."
    )


def _absolute(python: Path) -> Path:
    """Return an absolute path. Links stay: a virtual environment is known by its link."""
    return Path(os.path.abspath(python))  # noqa: PTH100 - `resolve` follows links


def _requirements(folder: Path) -> str:
    file = folder / "requirements.txt"
    return f" -r {file}" if file.exists() else ""


def _missing(python: Path, modules: Collection[str]) -> list[str]:
    """Return which modules an interpreter lacks."""
    try:
        result = subprocess.run(
            [str(python), "-c", _PROBE, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
        missing: list[str] = json.loads(result.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SourceUnusable(f"{python} does not run Python: {error}") from None
    return missing
