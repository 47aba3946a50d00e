"""The context of log lines."""

import re
from contextvars import ContextVar
from typing import Any

JOB: ContextVar[str | None] = ContextVar("job", default=None)
EXECUTION: ContextVar[str | None] = ContextVar("execution", default=None)


def about(job: str | None) -> None:
    """Set the job of the following lines of this request or thread."""
    JOB.set(job)


def during(execution: str | None) -> None:
    """Set the execution of the following lines.

    Args:
        execution: from the header `Function-Execution-Id`. Anyone can send that, so invalid ids are
            ignored.
    """
    is_id = execution is not None and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", execution)
    EXECUTION.set(execution if is_id else None)


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a line with fields for metrics and alerts."""
    return {"fields": values}
