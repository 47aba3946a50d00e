"""The front of the storage server: `python3 -m emulator.parts.front`.

fake-gcs-server lets every web page read its answers, implements half of resumable uploads, and
breaks its own listings when the disk is full. So it listens where no page can find it, and all
requests pass through this server, which refuses those that `visitors` does not allow, implements
resumable uploads, and forwards the rest. Bodies are forwarded in blocks.

One thread per connection with blocking sockets took the least CPU time of the designs measured:
docs/decisions/0007-storage-front.md.
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

_MAX_CONNECTIONS = 256  # a function keeps at most 64


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--server", required=True, help="address of the storage server, host:port")
    parser.add_argument("--tls", action="store_true", help="connect to the server with TLS")
    parser.add_argument("--folder", type=Path, required=True, help="the server's folder of blobs")
    parser.add_argument(
        "--unfinished", type=Path, required=True, help="folder for unfinished uploads"
    )
    parser.add_argument("--origin", action="append", default=[], help="an allowed origin")
    parser.add_argument("--tell", action="store_true", help="print a line for each stored blob")
    args = parser.parse_args()
    host, _, port = args.server.rpartition(":")
    front = Front(
        Server(host, int(port), args.tls),
        f"{HOST}:{args.port}",
        args.folder,
        Disk(args.folder),
        Sessions(args.unfinished),
        Visitors(args.origin),
        args.tell,
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
        pass  # the client disconnected at once
    finally:
        free.release()


if __name__ == "__main__":
    main()
