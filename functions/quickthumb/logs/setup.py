"""Sets up logging, and keeps it set up."""

import logging
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from quickthumb.logs.lines import Json, Text
from quickthumb.logs.ration import Ration

_OURS = "quickthumb"


class _Lines(logging.StreamHandler[TextIO]):
    """Writes our lines, and rate-limits those of libraries."""

    def __init__(
        self, stream: TextIO, form: logging.Formatter, level: int = logging.NOTSET
    ) -> None:
        super().__init__(stream)
        self.setFormatter(form)
        self.setLevel(level)
        self._ration = Ration()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, preceded by a report of dropped lines."""
        ours = record.name.partition(".")[0] == _OURS
        for source, count in self._ration.left_out(at_once=ours).items():
            super().emit(_line("%s: %d more lines were dropped", source, count))
        if ours or self._ration.admits(f"{record.name} {record.levelname}"):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's name
        """Ignore a line that cannot be written: there is nowhere to report it."""


def _line(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, args, None)


handler: logging.Handler | None = None
"""Writes the log; None until it is configured."""


def configure(env: Mapping[str, str]) -> None:
    """Log to standard error, as JSON on Cloud Run and as text elsewhere.

    This includes warnings and uncaught exceptions.

    Args:
        env: the environment; Cloud Run sets `K_SERVICE`
            (https://docs.cloud.google.com/run/docs/container-contract#services-env-vars).
    """
    global handler
    form = Json(_project(env)) if "K_SERVICE" in env else Text()
    handler = _Lines(sys.stderr, form)
    # For loggers without any handler.
    logging.lastResort = _Lines(sys.stderr, form, logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)
    # Logs each malformed form, quoting the request; we log that ourselves.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    warnings.showwarning = _warn
    # Python remembers every text that it has warned with, to do so once. A picture can bring any
    # number of them.
    warnings.simplefilter("always", append=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    restore()


def restore() -> None:
    """Set up again what `configure` did, wherever anybody has done otherwise since.

    functions-framework configures the log after it has loaded an ASGI function, which disables
    every logger that is there (`LOG_EXECUTION_ID`, which the platform sets); and gunicorn gives its
    loggers handlers that write whatever a request brings. So each request calls this first.
    """
    if handler is None:
        return
    root = logging.getLogger()
    if root.handlers != [handler]:
        root.handlers[:] = [handler]
    if root.level != logging.WARNING:
        root.setLevel(logging.WARNING)
    named = [
        log for log in list(root.manager.loggerDict.values()) if isinstance(log, logging.Logger)
    ]
    for logger in named:
        logger.disabled = False
    # A logger without handlers that passes nothing on is meant to be silent.
    talking = [logger for logger in named if logger.handlers]
    for logger in talking:  # some share their list of handlers
        logger.handlers.clear()
        logger.propagate = True


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - what Python calls this with
    line: str | None = None,  # noqa: ARG001
) -> None:
    logging.getLogger("py.warnings").warning(
        "%s: %s (%s:%d)", category.__name__, message, filename, lineno
    )


def _uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
    else:
        logging.getLogger(_OURS).critical("uncaught", exc_info=(kind, error, where))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread else "unknown"
        logging.getLogger(_OURS).error("uncaught in thread %s", name, exc_info=args.exc_value)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is not None:
        logging.getLogger(_OURS).error(
            "%s: %r", args.err_msg or "ignored", args.object, exc_info=args.exc_value
        )


def _project(env: Mapping[str, str]) -> str | None:
    """Return the project, which Cloud Run does not tell, but a topic's full name does."""
    match = re.match(r"projects/([^/]+)/", env.get("QUICKTHUMB_UPLOADS_TOPIC", ""))
    return env.get("GOOGLE_CLOUD_PROJECT") or (match[1] if match else None)
