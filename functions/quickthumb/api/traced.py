"""Continues the trace of a request, and labels its log lines with upload and execution."""

from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quickthumb import logs, tracing
from quickthumb.documents.names import is_id


class Traced:
    """Middleware for tracing and logging."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request in a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        logs.about(first if is_id(first) else None)
        logs.during(headers.get("function-execution-id"))
        with tracing.span(
            f"upload {scope['method']}",
            tracing.of_request(headers),
            SpanKind.SERVER,
            **{"http.request.method": scope["method"], "url.path": scope["path"]},
        ) as span:

            async def record_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, record_status)
