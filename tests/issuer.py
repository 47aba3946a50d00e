"""A local token issuer that serves its certificates over HTTP, and can fail in several ways."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from emulator.pubsub.doors.signing import ISSUER, SigningKey

AUDIENCE = "https://resize.example"
ACCOUNT = "push@project.iam.gserviceaccount.com"


class Issuer(ThreadingHTTPServer):
    """Serves the public keys of `keys`, and counts requests.

    Attributes:
        keys: whose public keys are served.
        asked: number of requests.
        status: HTTP status of responses.
        body: sent instead of the keys, if not None.
        max_age: in `Cache-Control`, seconds.
        open: while this is not set, requests are accepted but not answered.
    """

    daemon_threads = True

    def __init__(self, *keys: SigningKey) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = keys
        self.asked = 0
        self.status = 200
        self.body: bytes | None = None
        self.max_age = 600
        self.open = threading.Event()
        self.open.set()
        self.counting = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/certs"

    def wait_until_asked(self, times: int) -> None:
        with self.counting:
            assert self.counting.wait_for(lambda: self.asked >= times, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        issuer = self.server
        with issuer.counting:
            issuer.asked += 1
            issuer.counting.notify_all()
        issuer.open.wait(60)
        body = issuer.body
        if body is None:
            keys = {id: pem for key in issuer.keys for id, pem in key.public_keys().items()}
            body = json.dumps(keys).encode()
        self.send_response(issuer.status)
        self.send_header("Cache-Control", f"public, max-age={issuer.max_age}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def issuing(*keys: SigningKey) -> Iterator[Issuer]:
    """Run an issuer."""
    with Issuer(*keys) as issuer:
        thread = threading.Thread(target=issuer.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield issuer
        finally:
            issuer.open.set()
            issuer.shutdown()
            thread.join()


def bearer(key: SigningKey, **claims: Any) -> str:
    """Return the header of a call with a valid token, with some claims replaced."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "1",
        "iat": now,
        "exp": now + 3600,
    }
    return f"Bearer {key.sign(said | claims)}"
