"""Limits the time to receive request bodies, and the memory that they take.

Cloud Run limits concurrency and duration of requests itself; other platforms do not.
"""

import asyncio
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quickthumb.problems import Busy, TooLate

BODIES = 16
"""Memory for bodies, in bodies of maximum size: the concurrency of an instance."""


class Bodies:
    """Middleware that raises errors when the application reads a body.

    Args:
        app: the application.
        seconds: deadline for receiving a body.
        largest: maximum size of a body, bytes; larger ones are not kept in memory.
        bodies: how many bodies of that size fit in memory, over all concurrent requests.
    """

    def __init__(self, app: ASGIApp, seconds: float, largest: int, bodies: int = BODIES) -> None:
        self._app = app
        self._seconds = seconds
        self._largest = largest
        self._room = bodies * largest
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request.

        Raises:
            TooLate: the body did not arrive in time.
            Busy: there is no memory for it.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        end = monotonic() + self._seconds
        held = 0
        is_whole = False

        async def in_time() -> Message:
            nonlocal held, is_whole
            if is_whole:  # what follows is the disconnect, which has no deadline
                return await receive()
            try:
                async with asyncio.timeout(end - monotonic()):
                    message = await receive()
            except TimeoutError:
                raise TooLate(
                    f"The request body did not arrive within {self._seconds:g} seconds: "
                    "send a smaller picture, or announce it with POST /uploads."
                ) from None
            more = min(len(message.get("body", b"")), self._largest - held)
            held += more
            self._held += more
            is_whole = not message.get("more_body", False)
            if self._held > self._room:
                raise Busy("Too many uploads are in progress: try again later.")
            return message

        try:
            await self._app(scope, in_time, send)
        finally:
            self._held -= held
