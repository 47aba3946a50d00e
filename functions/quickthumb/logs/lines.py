"""The two formats of a log line."""

import json
import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from math import isfinite
from typing import Any

from opentelemetry import trace

from quickthumb.logs.context import EXECUTION, JOB
from quickthumb.printable import printable

# Characters. Written as JSON, one takes 12 bytes at most, and an entry of Cloud Logging may have
# 256 KiB (https://docs.cloud.google.com/logging/quotas).
_MOST_MESSAGE = 4_000
_MOST_TRACEBACK = 8_000
_MOST_FIELD = 500

_MOST_FRAMES = 30
_MOST_EXCEPTIONS = 5


class Json(logging.Formatter):
    """The format of structured logs on Cloud Run.

    See https://docs.cloud.google.com/run/docs/logging#using-json, and for the special fields
    https://docs.cloud.google.com/logging/docs/structured-logging#special-payload-fields.
    """

    def __init__(self, project: str | None) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one JSON object."""
        line = {
            "severity": printable(record.levelname),
            "message": "\n".join(_told(record)),
            "logger": printable(record.name),
        }
        if job := JOB.get():
            line["job"] = job
        return json.dumps(line | self._where() | _fields(record))

    def _where(self) -> dict[str, Any]:
        """Return the fields by which Cloud Logging groups lines by request."""
        where: dict[str, Any] = {}
        if execution := EXECUTION.get():
            where["logging.googleapis.com/labels"] = {"execution_id": execution}
        span = trace.get_current_span().get_span_context()
        if span.is_valid and self._project is not None:
            where |= {
                "logging.googleapis.com/trace": (
                    f"projects/{self._project}/traces/{span.trace_id:032x}"
                ),
                "logging.googleapis.com/spanId": f"{span.span_id:016x}",
                "logging.googleapis.com/trace_sampled": span.trace_flags.sampled,
            }
        return where


class Text(logging.Formatter):
    """The format for terminals. The lines of a traceback are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        message, *further = _told(record)
        line = f"{printable(record.levelname)} {message}"
        job = JOB.get()
        if job is not None and job not in line:
            line = f"{line} [{job}]"
        return "\n    ".join([line, *further])


def _told(record: logging.LogRecord) -> list[str]:
    """Return the message of a record, and the lines of its exception."""
    message = printable(_message(record).rstrip("\n"), _MOST_MESSAGE)
    if not (record.exc_info and record.exc_info[1]):
        return [message]
    return [message, *_last(chain.from_iterable(map(_exception, _causes(record.exc_info[1]))))]


def _last(lines: Iterable[str]) -> list[str]:
    """Return the last lines of a traceback, which have the cause."""
    kept: list[str] = []
    room = _MOST_TRACEBACK
    for line in reversed(list(lines)):
        room -= len(line)
        if room < 0:
            kept.append("[earlier lines omitted]")
            break
        kept.append(line)
    return kept[::-1]


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # better a poor message than none
        return f"{printable(record.msg)} (invalid arguments)"


def _causes(error: BaseException) -> list[BaseException]:
    """Return an exception preceded by its causes."""
    found = [error]
    while len(found) < _MOST_EXCEPTIONS:
        last = found[-1]
        earlier = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if earlier is None or any(earlier is known for known in found):
            break
        found.append(earlier)
    return found[::-1]


def _exception(error: BaseException) -> Iterator[str]:
    """Format an exception as Python does.

    Its message and notes may contain anything, so each becomes a single line.
    """
    yield "Traceback (most recent call last):"
    for frame in traceback.format_tb(error.__traceback__, -_MOST_FRAMES):
        yield from (printable(line) for line in frame.splitlines())
    yield f"{_name(type(error))}: {printable(error)}"
    yield from map(printable, getattr(error, "__notes__", ())[:_MOST_EXCEPTIONS])
    if isinstance(error, BaseExceptionGroup):
        yield from (
            f"+ {_name(type(each))}: {printable(each)}"
            for each in error.exceptions[:_MOST_EXCEPTIONS]
        )


def _name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a line: numbers unchanged, everything else as printable text."""
    told: Mapping[str, Any] = getattr(record, "fields", {})
    return {
        name: value if _is_plain(value) else printable(value, _MOST_FIELD)
        for name, value in told.items()
    }


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value))
