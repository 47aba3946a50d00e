"""Variables for every shell; those that are installed here say what they have understood."""

import shutil
import subprocess
import sys

import pytest

from emulator.errors import InvalidOption
from emulator.shells import SHELLS, assign, put_first

VALUES = [
    "plain",
    "",
    "two words",
    "$HOME",
    "it's",
    'a "b" & c',
    "back\\slash",
    "100%",
    "^caret",
    "ü*?",
]
TELL = "import os; print(ascii(os.environ['TOLD']), os.environ['PATH'].split(os.pathsep)[0])"
RUN = {
    "sh": ["sh", "-c"],
    "fish": ["fish", "-c"],
    "powershell": ["pwsh", "-NoProfile", "-Command"],
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("shell", RUN)
def test_a_shell_that_is_here_takes_every_value_as_it_is(shell, value, tmp_path):
    program, *options = RUN[shell]
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    code = tmp_path / "tell.py"
    code.write_text(TELL)
    lines = [
        assign(shell, "TOLD", value),
        put_first(shell, "PATH", str(tmp_path)),
        f"{'& ' if shell == 'powershell' else ''}'{sys.executable}' '{code}'",
    ]
    command = [program, *options, "\n".join(lines)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    expected = None if shell == "powershell" and not value else f"{value!a} {tmp_path}\n"
    assert expected is None or told == expected


@pytest.mark.parametrize(
    ("shell", "value", "line"),
    [
        ("sh", "it's", """export A='it'"'"'s'"""),
        ("fish", "it's \\ $x", r"set -gx A 'it\'s \\ $x'"),
        ("powershell", "it's \u2019 $x", "$env:A = 'it''s \u2019\u2019 $x'"),
        ("cmd", "C:\\Some Folder & 100%", 'set "A=C:\\Some Folder & 100%%"'),
        ("cmd", '{"a": 1}', 'set A={^"a^": 1}'),
    ],
)
def test_a_value_is_quoted_as_the_shell_reads_it(shell, value, line):
    assert assign(shell, "A", value) == line


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", 'export PATH=/bin:"$PATH"'),
        ("fish", "set -gx PATH '/bin' $PATH"),
        ("powershell", "$env:PATH = '/bin' + [IO.Path]::PathSeparator + $env:PATH"),
        ("cmd", 'set "PATH=/bin;%PATH%"'),
    ],
)
def test_a_folder_is_put_first(shell, line):
    assert put_first(shell, "PATH", "/bin") == line


def test_cmd_refuses_what_it_cannot_set():
    with pytest.raises(InvalidOption, match=r"A has more than one line.*PowerShell"):
        assign("cmd", "A", "one\ntwo")
    assert [shell for shell in SHELLS if shell != "cmd" and assign(shell, "A", "one\ntwo")]
