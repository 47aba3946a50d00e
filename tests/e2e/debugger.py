"""A debugger that attaches to debugpy, as an editor does.

https://microsoft.github.io/debug-adapter-protocol/specification
"""

import json
import socket
from typing import Any, Self


class Debugger:
    """A debug session."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=60)
        self._file = self._socket.makefile("rb")
        self._sent = 0
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._socket.close()

    def attach(self, file: str, line: int) -> None:
        """Attach, with a breakpoint."""
        self.ask("initialize", adapterID="test")
        self._send("attach", {"justMyCode": False})
        self.event("initialized")
        self.ask("setBreakpoints", source={"path": file}, breakpoints=[{"line": line}])
        self.ask("configurationDone")

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request; return the body of its answer."""
        number = self._send(command, arguments)
        while True:
            message = self._receive()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                body: dict[str, Any] = message.get("body", {})
                return body
            self._events.append(message)

    def event(self, name: str) -> dict[str, Any]:
        """Return the body of the next event of a kind."""
        while True:
            message = self._events.pop(0) if self._events else self._receive()
            if message.get("event") == name:
                body: dict[str, Any] = message.get("body", {})
                return body

    def _send(self, command: str, arguments: dict[str, Any]) -> int:
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command}
        text = json.dumps({**message, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        return self._sent

    def _receive(self) -> dict[str, Any]:
        size = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        message: dict[str, Any] = json.loads(self._file.read(size))
        return message
