"""Log lines: JSON where Cloud Logging reads them, plain text in a terminal.

Every line has the job and the trace that it is about, where there is one.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace

_job: ContextVar[str | None] = ContextVar("job", default=None)


def about(job: str | None) -> None:
    """Say which job the following lines are about: those of this request or thread."""
    _job.set(job)


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a line that has fields of its own, to count and to alert on."""
    return {"fields": values}


class _Json(logging.Formatter):
    """The form that Cloud Run takes for structured logs.

    See https://docs.cloud.google.com/run/docs/logging#using-json, and for the special fields
    https://docs.cloud.google.com/logging/docs/structured-logging#special-payload-fields.
    """

    def __init__(self, project: str | None) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        line = {"severity": record.levelname, "message": message, "logger": record.name}
        if job := _job.get():
            line["job"] = job
        return json.dumps(line | self._trace() | getattr(record, "fields", {}))

    def _trace(self) -> dict[str, Any]:
        span = trace.get_current_span().get_span_context()
        if not span.is_valid or self._project is None:
            return {}
        return {
            "logging.googleapis.com/trace": f"projects/{self._project}/traces/{span.trace_id:032x}",
            "logging.googleapis.com/spanId": f"{span.span_id:016x}",
            "logging.googleapis.com/trace_sampled": span.trace_flags.sampled,
        }


class _Text(logging.Formatter):
    """What a person reads."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {super().format(record)}"
        job = _job.get()
        return line if job is None or job in line else f"{line} [{job}]"


def configure(env: Mapping[str, str]) -> None:
    """Send the log to standard error, as JSON on Cloud Run and as text elsewhere.

    Args:
        env: the environment; Cloud Run sets `K_SERVICE`
            (https://docs.cloud.google.com/run/docs/container-contract#services-env-vars).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(_project(env)) if "K_SERVICE" in env else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("quickthumb").setLevel(logging.INFO)
    # Warns of each malformed form, in words that whoever sent it has chosen; we say so ourselves.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _project(env: Mapping[str, str]) -> str | None:
    """Return the project, which Cloud Run does not tell, but a topic's full name does."""
    match = re.match(r"projects/([^/]+)/", env.get("QUICKTHUMB_UPLOADS_TOPIC", ""))
    return env.get("GOOGLE_CLOUD_PROJECT") or (match[1] if match else None)
