"""The front of the storage server: all requests to it come through here.

fake-gcs-server answers anybody, and lets every page of the internet read its answers; it does only
half of resumable uploads, and breaks its own listings when the disk is full. So it listens where
no page finds it, and this server answers in its place: `python3 -m emulator.parts.front`. It reads
the head of every request, refuses what `visitors` does not let in, does resumable uploads itself,
and passes the rest on. Bodies go through in blocks, never as a whole.

Each connection has a thread with blocking sockets, which of the designs that were measured takes
the least processor time: docs/decisions/0007-storage-front.md.
"""

import argparse
import socket
import threading
from pathlib import Path

from emulator.parts.front.behind import Server
from emulator.parts.front.conversation import hold
from emulator.parts.front.disk import Disk
from emulator.parts.front.exchange import Front
from emulator.parts.front.sessions import Sessions
from emulator.parts.front.streams import Stream
from emulator.parts.front.visitors import Visitors
from emulator.ports import HOST

_MAX_CONNECTIONS = 256  # a function keeps 64 at most


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="to listen on")
    parser.add_argument("--server", required=True, help="address of the server behind, host:port")
    parser.add_argument("--tls", action="store_true", help="use TLS to the server")
    parser.add_argument("--folder", type=Path, required=True, help="where the server keeps blobs")
    parser.add_argument(
        "--unfinished", type=Path, required=True, help="folder for unfinished uploads"
    )
    parser.add_argument("--origin", action="append", default=[], help="of pages to let in")
    args = parser.parse_args()
    host, _, port = args.server.rpartition(":")
    front = Front(
        Server(host, int(port), args.tls),
        f"{HOST}:{args.port}",
        args.folder,
        Disk(args.folder),
        Sessions(args.unfinished),
        Visitors(args.origin),
    )
    listener = socket.create_server((HOST, args.port), backlog=_MAX_CONNECTIONS)
    free = threading.Semaphore(_MAX_CONNECTIONS)
    while True:
        connection, _ = listener.accept()
        if free.acquire(blocking=False):
            threading.Thread(target=_serve, args=(front, connection, free), daemon=True).start()
        else:
            connection.close()


def _serve(front: Front, connection: socket.socket, free: threading.Semaphore) -> None:
    try:
        with connection:
            hold(front, Stream(connection))
    except OSError:
        pass  # the client was gone before it had said anything
    finally:
        free.release()


if __name__ == "__main__":
    main()
