"""`?wait=`: hold an answer back until the job has ended.

The waiting is a coroutine that sleeps: it costs a busy function a poll now and then, not a thread.
"""

import re
from collections.abc import Callable
from time import monotonic

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quickthumb.errors import InvalidOption
from quickthumb.jobs import Manifest
from quickthumb.store import Queued

_FIRST_PAUSE = 0.03  # seconds; a small picture is done in about this time
_LAST_PAUSE = 1.0


def wait_seconds(request: Request, limit: int) -> float:
    """Return the seconds that a request wants to wait, at most `limit`.

    Raises:
        InvalidOption: `wait` is no number of seconds.
    """
    text = request.query_params.get("wait", "0")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise InvalidOption(
            f"wait: {text[:100]!r}: expected seconds, from 0 to {limit}.", field="wait"
        )
    return min(float(text), limit)


async def until_ended(
    look: Callable[[], Manifest | Queued | None], seconds: float
) -> Manifest | Queued | None:
    """Look how a job stands until it has ended, there is none, or the time is over."""
    end = monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        state = await run_in_threadpool(look)
        remaining = end - monotonic()
        if not isinstance(state, Queued) or remaining <= 0:
            return state
        await anyio.sleep(min(pause, remaining))
        pause = min(pause * 1.5, _LAST_PAUSE)
