"""How the bodies of requests are received: in time, and only as many at once as fit in memory.

Cloud Run limits how many requests an instance handles at once, and how long each may take;
elsewhere nothing else does.
"""

import asyncio
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quickthumb.problems import Busy, TooLate

BODIES = 16
"""How many of the largest bodies there is room for: as many requests as an instance handles."""


class Bodies:
    """Middleware whose errors are raised where the application reads a body.

    Args:
        app: the application.
        seconds: within which a body has to arrive.
        largest: the largest body that is kept, bytes; a larger one is dropped in the end.
        bodies: how many of those there is room for, over all unanswered requests.
    """

    def __init__(self, app: ASGIApp, seconds: float, largest: int, bodies: int = BODIES) -> None:
        self._app = app
        self._seconds = seconds
        self._largest = largest
        self._room = bodies * largest
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            TooLate: its body did not arrive in time.
            Busy: there is no room for it.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        end = monotonic() + self._seconds
        held = 0
        is_whole = False

        async def in_time() -> Message:
            nonlocal held, is_whole
            if is_whole:  # next is the news that the client has gone, which may take any time
                return await receive()
            try:
                async with asyncio.timeout(end - monotonic()):
                    message = await receive()
            except TimeoutError:
                raise TooLate(
                    f"The body of the request did not arrive within {self._seconds:g} seconds: "
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
