"""Reads what processes print: events for the flow, and log lines.

Functions tell of their requests, and the front of storage of the blobs that are stored.
"""

import json
from collections.abc import Mapping
from typing import Any

from emulator.dashboard.flow import Flow

# As in `emulator/parts/guest/watched.py`, which imports nothing of the emulator.
EVENT = "\x1e"
LOGGED = "\x1f"

_KILLED = "was sent SIGKILL! Perhaps out of memory?"
"""What gunicorn says of every process that was killed."""


class Heard:
    """Hears the lines of a function.

    Args:
        flow: is told of its events.
        function: its name.
    """

    def __init__(self, flow: Flow, function: str) -> None:
        self._flow = flow
        self._function = function

    def __call__(self, line: str) -> str | None:
        """Return what a line says to people, None if it is for the flow alone."""
        if line.startswith(EVENT):
            try:
                self._note(json.loads(line[1:]))
            except (ValueError, KeyError, TypeError, AttributeError):
                return line[1:]  # torn apart, or printed by the function itself
            return None
        if _KILLED in line:
            return None  # said better by the event that the process has ended
        if line.startswith(LOGGED):
            _, request, text = (*line.split(LOGGED, 2), "")[:3]
            self._flow.logged(request, text)
            return text
        return line

    def _note(self, event: dict[str, Any]) -> None:
        if "began" in event:
            self._flow.began(
                self._function,
                str(event["began"]),
                int(event["pid"]),
                float(event["time"]),
                str(event["method"]),
                str(event["path"]),
                event.get("message"),
            )
        elif "ended" in event:
            self._flow.ended(
                str(event["ended"]),
                float(event["time"]),
                int(event["status"]),
                float(event["seconds"]),
            )
        else:
            self._flow.started(self._function, int(event["started"]), float(event["time"]))


class HeardStorage:
    """Hears the lines of the front of storage.

    Args:
        flow: is told of the blobs that are stored.
        names: names of the buckets in the topology, by full name.
    """

    def __init__(self, flow: Flow, names: Mapping[str, str]) -> None:
        self._flow = flow
        self._names = names

    def __call__(self, line: str) -> str | None:
        """Return what a line says to people, None if it is for the flow alone."""
        if not line.startswith(EVENT):
            return line
        try:
            event = json.loads(line[1:])
            bucket = self._names.get(event["bucket"])
            if bucket:
                self._flow.stored(bucket, str(event["stored"]), float(event["time"]))
        except (ValueError, KeyError, TypeError):
            return line[1:]  # torn apart
        return None
