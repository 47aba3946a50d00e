"""Long polling: `?wait=` delays a response until a job has ended.

A waiting request is a sleeping coroutine that polls now and then; it does not block a thread.
"""

import re
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quickthumb.problems import InvalidOption

T = TypeVar("T")

_FIRST_PAUSE = 0.03  # seconds; about the time of a small picture
_LAST_PAUSE = 1.0

_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")  # as in JSON


def wait_seconds(request: Request, limit: int) -> float:
    """Return how long a request is to wait: seconds, at most `limit`.

    Raises:
        InvalidOption: `wait` is not a number of seconds.
    """
    text = request.query_params.get("wait", "0")
    if not _NUMBER.fullmatch(text) or not float(text) >= 0:
        raise InvalidOption(
            f"wait: {text[:100]!r}: expected seconds, from 0 to {limit}.", field="wait"
        )
    return min(float(text), limit)


async def until(look: Callable[[], T], is_over: Callable[[T], bool], seconds: float) -> T:
    """Poll until `is_over` or timeout; return the last result of `look`, which may block."""

    async def in_a_thread() -> T:
        return await run_in_threadpool(look)

    return await until_async(in_a_thread, is_over, seconds)


async def until_async(
    look: Callable[[], Awaitable[T]], is_over: Callable[[T], bool], seconds: float
) -> T:
    """Poll until `is_over` or timeout; return the last result of `look`."""
    end = monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        seen = await look()
        remaining = end - monotonic()
        if is_over(seen) or remaining <= 0:
            return seen
        await anyio.sleep(min(pause, remaining))
        pause = min(pause * 1.5, _LAST_PAUSE)
