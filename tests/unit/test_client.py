import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator.client import Client, Failed
from emulator.ports import HOST


class Queue(BaseHTTPRequestHandler):
    """A service whose jobs never end."""

    def do_GET(self):
        self.server.asked.set()
        body = json.dumps({"id": "a", "status": "queued"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer((HOST, 0), Queue) as server:
        server.asked = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_waiting_for_a_job_can_be_interrupted(server):
    client = Client(f"http://{HOST}:{server.server_port}")

    def stop():
        server.asked.wait()
        client.stop()

    threading.Thread(target=stop).start()
    with pytest.raises(Failed, match="interrupted; its id is a"):
        client.wait("a", seconds=3600)
