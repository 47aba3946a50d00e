"""The options of the function `sweep`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from quickthumb.problems import InvalidOption

_LONGEST_NAME = 1024  # bytes, of a blob
_OLDEST = 999_999_999  # seconds


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """The options of a call; calls by a schedule have none.

    Attributes:
        start: where to start, without changing the cursor; None continues at the cursor.
        seconds: time limit if `start` is given.
        first_after_seconds: see `Sweeper`.
        dry_run: see `Sweeper`.
    """

    start: str | None
    seconds: float
    first_after_seconds: int | None
    dry_run: bool

    @classmethod
    def read(cls, query: Mapping[str, str], most: int) -> Self:
        """Parse the query parameters `start`, `seconds`, `older_than` (seconds) and `dry_run`.

        Args:
            query: of the call.
            most: maximum duration of a sweep, below the timeout of the function, seconds.

        Raises:
            InvalidOption: an option is unknown or invalid.
        """
        for name in query.keys() - {"start", "seconds", "older_than", "dry_run"}:
            raise InvalidOption(f"Unknown option {name[:100]!r}.", field=name[:100])
        dry_run = query.get("dry_run", "false")
        if dry_run not in ("true", "false"):
            raise InvalidOption("dry_run: expected true or false.", field="dry_run")
        start = query.get("start")
        if start is None and len(query):
            raise InvalidOption("start: expected where to begin, empty for the beginning.")
        if start is not None and len(start.encode(errors="replace")) > _LONGEST_NAME:
            raise InvalidOption(
                f"start: {start[:100]!r}: expected at most {_LONGEST_NAME} bytes.", field="start"
            )
        older_than = _whole(query, "older_than", _OLDEST)
        seconds = _whole(query, "seconds", most)
        return cls(start, seconds or min(10, most), older_than, dry_run == "true")


def _whole(query: Mapping[str, str], name: str, most: int) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) > most:
        raise InvalidOption(
            f"{name}: {text[:100]!r}: expected whole seconds, at most {most:,}.", field=name
        )
    return int(text)
