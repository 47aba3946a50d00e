"""Restores the log configuration of this process after a test."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from quickthumb import logs
from quickthumb.logs import setup


@contextmanager
def log_kept() -> Iterator[None]:
    """Restore everything that `logs.configure` changes."""
    root = logging.getLogger()
    named = [log for log in root.manager.loggerDict.values() if isinstance(log, logging.Logger)]
    before = [
        (log, log.level, log.disabled, log.propagate, log.handlers[:]) for log in (root, *named)
    ]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    ours, last = setup.handler, logging.lastResort
    _about_nothing()  # the context of an earlier test that did not use this
    with warnings.catch_warnings():
        try:
            yield
        finally:
            sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
            setup.handler, logging.lastResort = ours, last
            for log, level, log.disabled, log.propagate, log.handlers[:] in before:
                log.setLevel(level)
            _about_nothing()


def _about_nothing() -> None:
    logs.about(None)
    logs.during(None)
