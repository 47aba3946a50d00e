"""Tests say what they need of the system, so that they are skipped where it is missing."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from emulator.bootstrap import ROOT
from tests import needs

TESTS = ROOT / "tests"
# One file names such things to look for them.
FILES = sorted({*TESTS.rglob("test_*.py")} - {TESTS / "unit/pubsub/test_every_platform.py"})
CONFTESTS = {path.parent: path for path in TESTS.rglob("conftest.py")}
WITHOUT = Path(__file__).with_name("without")

# Of modules that exist everywhere, what does not. `os.kill` is there, but signal 0 ends a process.
SPECIAL = {
    "os": {"chown", "geteuid", "getpgid", "getuid", "kill", "killpg", "mkfifo", "mknod", "umask"},
    "signal": {"SIGCONT", "SIGHUP", "SIGIO", "SIGKILL", "SIGSTOP", "pthread_sigmask", "setitimer"},
}
METHODS = {"send_signal", "symlink_to", "hardlink_to"}
MISSING = {"fcntl", "grp", "pwd", "resource", "termios", "pty", "gunicorn", "uvicorn_worker"}


def special(node: ast.AST) -> str:
    """Return what a node has that is not on every system; nothing if that is none."""
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if name in SPECIAL.get(module, ()):
            return f"{module}.{name}"
        case ast.Attribute(attr=name) if name in METHODS:
            return name
        case ast.Constant(value=str(text)) if text.startswith("/proc/") or text == "bash":
            return text
        case ast.Import(names=names) if found := {each.name for each in names} & MISSING:
            return ", ".join(found)
        case ast.ImportFrom(module=name) if name in MISSING:
            return name
    return ""


def guarded(text: str) -> bool:
    """Return whether a text tells the systems apart."""
    return any(word in text for word in ("needs.", "skipif", "os.name", "sys.platform", "hasattr"))


class Module:
    """What the functions and classes of a module need, and each other."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text())
        self.path = path
        self.parts = {each.name: each for each in tree.body if isinstance(each, PARTS)}
        self.imports = {
            alias.asname or alias.name: (ROOT / f"{each.module.replace('.', '/')}.py", alias.name)
            for each in ast.walk(tree)
            if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("tests.")
            for alias in each.names
        }
        marks = [each for each in tree.body if "pytestmark" in ast.unparse(each).split("=")[0]]
        self.is_guarded = any(guarded(ast.unparse(each)) for each in marks)
        self.markers = {
            ast.unparse(each.targets[0])
            for each in tree.body
            if isinstance(each, ast.Assign) and guarded(ast.unparse(each.value))
        }

    @cache  # noqa: B019 - modules are kept anyway
    def own(self, name: str) -> tuple[str, list[str]]:
        """Return what a part itself needs, and the names it uses; nothing if it says so."""
        part = self.parts[name]
        marks = {ast.unparse(each) for each in part.decorator_list}
        if marks & self.markers or guarded(ast.unparse(part)):  # with its decorators
            return "", []
        nodes = list(ast.walk(part))
        used = {each.id for each in nodes if isinstance(each, ast.Name)}
        used |= {each.arg for each in nodes if isinstance(each, ast.arg)}  # fixtures
        return next(filter(None, map(special, nodes)), ""), sorted(used)

    def needs(self, name: str, seen: set[tuple[Path, str]]) -> str:
        """Return what a part needs, itself or by what it uses; nothing if it says so."""
        own, used = self.own(name)
        return own or next(filter(None, (self.of_another(each, seen) for each in used)), "")

    def of_another(self, name: str, seen: set[tuple[Path, str]]) -> str:
        path, name = self.imports.get(name, (self.path, name))
        if (path, name) in seen:
            return ""
        seen.add((path, name))
        if path != self.path:
            module = read(path) if path.is_file() else None
            return module.needs(name, seen) if module and name in module.parts else ""
        if name in self.parts:
            return self.needs(name, seen)
        for folder in self.path.parents:
            conftest = CONFTESTS.get(folder)
            if conftest and name in read(conftest).parts and read(conftest) is not self:
                return read(conftest).needs(name, seen)
        return ""


PARTS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
read = cache(Module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_test_says_what_it_needs_of_the_system(path):
    module = read(path)
    if module.is_guarded:
        return
    found = {
        name: what
        for name in module.parts
        if name.lower().startswith("test") and (what := module.needs(name, set()))
    }
    assert not found, "mark them as tests/needs.py tells"


@pytest.mark.parametrize("mark", ["", "@needs.posix('signals')"])
def test_what_a_test_needs_by_a_fixture_and_a_function_is_found(mark, tmp_path):
    file = tmp_path / "test_ends.py"
    file.write_text(
        "def end(pid):\n    os.kill(pid, 9)\n"
        "def process():\n    yield 1\n    end(1)\n"
        f"{mark}\ndef test_it(process):\n    assert process\n"
    )
    assert Module(file).needs("test_it", set()) == ("" if mark else "os.kill")


@needs.posix("it is what is taken away")
def test_all_tests_are_found_where_modules_of_posix_are_missing():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(WITHOUT), str(ROOT)])}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
