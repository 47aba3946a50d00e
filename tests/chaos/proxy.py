"""A proxy between the functions and storage, which forwards, refuses or hangs."""

import asyncio
import re
import threading
from typing import Literal

from emulator.ports import HOST, free_port

Mood = Literal["well", "refuses", "hangs"]

_LARGEST_HEAD = 65_536
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Listens on a port of its own; `mood` may be changed at any time, from any thread."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._target = 0
        self._mood: Mood = "well"
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, target: int) -> None:
        """Forward connections to a port."""
        self._target = target
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close all connections and end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._connections)

    def become(self, mood: Mood) -> None:
        """Change the mood; requests in progress are cut off, or hang."""
        asyncio.run_coroutine_threadsafe(self._become(mood), self._loop).result()

    async def _become(self, mood: Mood) -> None:
        self._mood = mood
        if mood != "hangs":
            for connection in list(self._connections):
                connection.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, HOST, self.port, limit=_LARGEST_HEAD)
        )
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for connection in self._connections:
            connection.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            if self._mood == "refuses":
                await self._refuse(reader, writer)
            else:
                await self._pass_on(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(_REFUSAL)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._until_well()
        there, back = await asyncio.open_connection(HOST, self._target)
        try:
            pipes = [
                asyncio.create_task(self._pipe(reader, back)),
                asyncio.create_task(self._pipe(there, writer)),
            ]
            try:
                await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pipe in pipes:
                    pipe.cancel()
                await asyncio.gather(*pipes, return_exceptions=True)
        finally:
            back.transport.abort()

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._until_well()
            sink.write(data)
            await sink.drain()

    async def _until_well(self) -> None:
        while self._mood == "hangs":
            await asyncio.sleep(0.05)
