"""docs/your-own-functions.md, from top to bottom."""

import importlib.util
import re
import shlex
import signal
import site
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from tests import needs
from tests.conformance.endpoint import eventually
from tests.documents import commands
from tests.e2e.commands import environment, run, running_up

DOCUMENT = ROOT / "docs" / "your-own-functions.md"
EXAMPLE = ROOT / "docs" / "guest-book"
UP = "python3 -m emulator up "
REQUIREMENTS = "functions-framework\ngoogle-cloud-pubsub\ngoogle-cloud-storage\n"


class Reader:
    """Types the commands of the document, one after another, in a folder.

    Attributes:
        folder: where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "docs").symlink_to(ROOT / "docs")
        self._left = list(commands(DOCUMENT))
        self._port, self._debugger = free_port(), free_port()

    def next(self, start: str) -> tuple[str, str]:
        """Return the next command and what is shown below it; it starts as expected."""
        command = self._left.pop(0)
        assert command.line.startswith(start), command.line
        return command.line, command.output

    @property
    def is_done(self) -> bool:
        return not self._left

    def types(self, start: str, **replaced: str) -> tuple[str, str]:
        """Run the next command; return its output, and what is shown."""
        line, shown = self.next(start)
        line = line.replace(":8080", f":{self._port}")
        for old, new in replaced.items():
            line = line.replace(old, new)
        result = subprocess.run(
            ["bash", "-ec", line],  # noqa: S607 - the shell that is on the PATH
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.rstrip("\n"), shown

    def sees(self, start: str, **replaced: str) -> None:
        """Run the next command, which prints what is shown."""
        printed, shown = self.types(start, **replaced)
        assert printed == shown

    @contextmanager
    def up(self):
        """Run the next command, an `up`, on other ports."""
        line = self.next(UP)[0].replace("--debug keep", f"--debug keep={self._debugger}")
        options = [*shlex.split(line.removeprefix(UP)), "--port", self._port]
        data = self.folder / "my-guest-book" / ".data"
        with running_up(self.folder, self.folder, data, *options) as cloud:
            yield cloud
            assert cloud.stop(signal.SIGINT) == 0


def installed() -> list[str]:
    """Return the folders with the packages of the tests."""
    debugpy = importlib.util.find_spec("debugpy")
    beside = [str(Path(debugpy.origin).parents[1])] if debugpy else []
    return [*site.getsitepackages(), *beside]


def test_the_document_shows_the_example():
    text = DOCUMENT.read_text()
    shown = re.findall(r"^```(?:python|yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert shown == [(EXAMPLE / name).read_text() for name in ("app/main.py", "app.yaml")]


@needs.posix("symbolic links")
def test_the_document_can_be_followed(tmp_path):
    reader = Reader(tmp_path)
    app = tmp_path / "my-guest-book" / "app"
    reader.types("cp -r docs/guest-book")
    reader.types(
        "python3 -m venv", **{"python3 -m venv": f"{sys.executable} -m venv --without-pip"}
    )
    # Instead of installing packages from the index, the environment finds those of the tests.
    line, _ = reader.next("my-guest-book/app/.venv/bin/python -m pip install -r ")
    assert (tmp_path / line.split()[-1]).read_text() == REQUIREMENTS
    [packages] = (app / ".venv" / "lib").glob("python*/site-packages")
    (packages / "tests.pth").write_text("\n".join(installed()))
    with reader.up() as cloud:
        reader.sees("curl -d 'It was")
        cloud.wait_for("greet     | New entry: entries/")
        # The schedule has called `count` once the next minute has begun.
        counted = cloud.data / "storage" / "guest-book-pages" / "count"
        eventually(counted.exists, 100)
        port = cloud.url("storage").rpartition(":")[2]
        reader.sees("curl 'http://127.0.0.1:PORT", PORT=port)
        reader.types("sed")
        cloud.wait_for("sign      | runs the new version")
        reader.sees("curl -d 'Me again.'")
    (tmp_path / ".env").write_text("GREETING=Hello\n")
    with reader.up():
        assert counted.read_text().startswith("Entries: ")
    if not importlib.util.find_spec("debugpy"):
        pytest.skip("needs debugpy")
    with reader.up() as cloud:
        assert "1 x, debugger at 127.0.0.1:" in cloud.log
        line, _ = reader.next('eval "$(python3 -m emulator env')
        options = shlex.split(line.removeprefix('eval "$(python3 -m').removesuffix(')"'))[1:]
        printed = run(*options, cwd=tmp_path).stdout
        assert f"export PUBSUB_EMULATOR_HOST={cloud.url('pubsub')}" in printed
        assert f"export PATH={app / '.venv' / 'bin'}" in printed
    assert reader.is_done
