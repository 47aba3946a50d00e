"""What lines are about."""

import re
from contextvars import ContextVar
from typing import Any

JOB: ContextVar[str | None] = ContextVar("job", default=None)
EXECUTION: ContextVar[str | None] = ContextVar("execution", default=None)


def about(job: str | None) -> None:
    """Say which job the following lines are about: those of this request or thread."""
    JOB.set(job)


def during(execution: str | None) -> None:
    """Say in which execution of a function the following lines are written.

    Args:
        execution: as the platform tells it in the header `Function-Execution-Id`. Anyone may send
            that: what cannot be an id is left out.
    """
    is_id = execution is not None and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", execution)
    EXECUTION.set(execution if is_id else None)


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a line that has fields of its own, to count and to alert on."""
    return {"fields": values}
