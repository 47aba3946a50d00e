"""What may be changed of the functions while they run, in a file that they read.

`emulator/parts/guest/watched.py` reads it with every request, so a change counts at once.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.errors import Unwritable

FILE = "controls.json"

MOST_SLOW = 600.0
"""Most seconds that a job can be made to take longer."""


class Controls:
    """The controls of the functions.

    Args:
        folder: the data folder.
        mortal: functions that poison kills.

    Attributes:
        path: of the file.
        poison: a message that contains this word kills the process that gets it. It is random, and
            only in this file: nobody outside can send such a message.
        slow: seconds that each job takes longer, by function.
    """

    def __init__(self, folder: Path, mortal: Iterable[str]) -> None:
        self._mortal = tuple(mortal)
        self.path = (folder / FILE).resolve()
        self.poison = f"poison-{secrets.token_hex(8)}"
        self.slow: dict[str, float] = {}

    def set_slow(self, function: str, seconds: float) -> None:
        """Make each job of a function take this much longer; 0 for no longer than it takes.

        Raises:
            OSError: the file cannot be written.
        """
        self.slow = {**self.slow, function: seconds}
        self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        poison = dict.fromkeys(self._mortal, self.poison)
        document: dict[str, Any] = {"poison": poison, "slow": self.slow}
        unfinished = self.path.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(document))
        unfinished.replace(self.path)

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write the file, and remove it in the end.

        Raises:
            Unwritable: it cannot be written.
        """
        try:
            self.write()
        except OSError as error:
            why = f"{self.path}: {error.strerror}. Free some space or choose another --data."
            raise Unwritable(why) from None
        try:
            yield
        finally:
            self.path.unlink(missing_ok=True)
