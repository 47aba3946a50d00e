"""Log lines: JSON where Cloud Logging reads them, plain text in a terminal."""

import json
import logging
import sys
from collections.abc import Mapping


class _Json(logging.Formatter):
    """The form that Cloud Run takes for structured logs.

    See https://docs.cloud.google.com/run/docs/logging#using-json.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        return json.dumps({"severity": record.levelname, "message": message, "logger": record.name})


def configure(env: Mapping[str, str]) -> None:
    """Send the log to standard error, as JSON on Cloud Run and as text elsewhere.

    Args:
        env: the environment; Cloud Run sets `K_SERVICE`
            (https://docs.cloud.google.com/run/docs/container-contract#services-env-vars).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Json() if "K_SERVICE" in env else logging.Formatter("%(levelname)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("quickthumb").setLevel(logging.INFO)
