"""Files with environment variables, such as `.env`.

Each line is `NAME=value`. A value may stand in single quotes, which keep everything, or in double
quotes, in which backslash escapes a quote, a backslash, and `n` for a new line. Blank lines, lines
that start with `#`, what follows ` #` after a value, and `export` in front of a name are ignored.
Nothing is expanded. No message contains a value: it may be a secret.
"""

import re
from pathlib import Path

from emulator.errors import InvalidEnvFile

_LINE = re.compile(
    r"""
    \s*(?:export\s+)?
    (?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
    (?:
        '(?P<single>[^']*)'
        | "(?P<double>(?:[^"\\]|\\.)*)"
        | (?P<plain>(?:[^\s'"\#](?:.*?\S)??)?)
    )
    \s*(?:(?<=\s)\#.*)?
    """,
    re.VERBOSE,
)
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\", "$": "$"}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables in a file.

    Raises:
        InvalidEnvFile: it cannot be read, or a line is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidEnvFile(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidEnvFile(f"{path}: byte {error.start} is not UTF-8") from None
    variables = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise InvalidEnvFile(
                f"{path}, line {number}: expected NAME=value, with quotes that are closed"
            )
        variables[match["name"]] = _value(match)
    return variables


def _value(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda m: _ESCAPED.get(m[1], m[0]), match["double"])
    return match["single"] if match["single"] is not None else match["plain"]
