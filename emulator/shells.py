"""Environment variables as commands of a shell."""

import os
import re
import shlex
from collections.abc import Callable

from emulator.errors import InvalidOption


def _sh(name: str, value: str, *, first: bool) -> str:
    return f"export {name}={shlex.quote(value)}" + (f':"${name}"' if first else "")


def _fish(name: str, value: str, *, first: bool) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'" + (f" ${name}" if first else "")


def _powershell(name: str, value: str, *, first: bool) -> str:
    quoted = re.sub(
        "(['\u2018\u2019\u201a\u201b])", r"\1\1", value
    )  # it takes all of them for quotes
    rest = f" + [IO.Path]::PathSeparator + $env:{name}" if first else ""
    return f"$env:{name} = '{quoted}'{rest}"


def _cmd(name: str, value: str, *, first: bool) -> str:
    """Return a line of a batch file, in which a percent sign is written twice."""
    if re.search(r"[\r\n]", value):
        raise InvalidOption(f"{name} has more than one line, which cmd cannot set. Use PowerShell.")
    text = value.replace("%", "%%")
    rest = f";%{name}%" if first else ""
    if '"' not in text:
        return f'set "{name}={text}{rest}"'
    return f"set {name}=" + re.sub(r'([&|<>()^"!])', r"^\1", text) + rest


SHELLS: dict[str, Callable[..., str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "cmd": _cmd,
}
"""The shells that are spoken; `sh` is understood by bash and zsh too."""


def usual() -> str:
    """Return the shell that a user of this system probably has."""
    return "powershell" if os.name == "nt" else "sh"


def assign(shell: str, name: str, value: str) -> str:
    """Return the command that sets a variable.

    Raises:
        InvalidOption: the shell cannot set it to this value.
    """
    return SHELLS[shell](name, value, first=False)


def put_first(shell: str, name: str, folder: str) -> str:
    """Return the command that puts a folder in front of those in a variable, such as PATH."""
    return SHELLS[shell](name, folder, first=True)
