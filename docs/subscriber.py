"""A webhook for finished jobs: sees who calls, and reacts to each thumbnail and failure once.

Environment: URL, where Pub/Sub sends to; SENDER, the account that signs; PORT, to listen on; CERTS,
the sender's keys where those are not Google's; and DATA, a file to remember what was done.

    pip install google-auth requests
"""

import base64
import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import id_token

FAILED = ""  # in place of the name of a thumbnail
GOOGLE = "https://www.googleapis.com/oauth2/v1/certs"


def react(event: dict, news: list[str]) -> None:
    """Do what your application does: here, say it.

    Args:
        event: how the job ended, with all thumbnails so far.
        news: names of the thumbnails that no earlier event had, or `FAILED`.
    """
    told = ", ".join(thumb["blob"] for thumb in event["thumbnails"] if thumb["name"] in news)
    print(event["state"], event["id"], told or event["failure"]["detail"], flush=True)


def verify(authorization: str) -> None:
    """Raise ValueError unless the token was made for this URL by the sender, lately."""
    token = authorization.removeprefix("Bearer ")
    certs = os.environ.get("CERTS", GOOGLE)
    claims = id_token.verify_token(token, Request(), os.environ["URL"], certs_url=certs)
    if claims["email"] != os.environ["SENDER"] or not claims["email_verified"]:
        raise ValueError(f"signed by {claims['email']}")


def note(id: str, name: str) -> bool:
    """Remember a thumbnail of an upload; return whether it is new."""
    return bool(done.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (id, name)).rowcount)


class Webhook(BaseHTTPRequestHandler):
    """Takes pushes of Pub/Sub; any answer but a success has a message sent again."""

    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            verify(self.headers.get("Authorization", ""))
        except (ValueError, GoogleAuthError) as error:
            self.send_error(401, explain=str(error))
            return
        event = json.loads(base64.b64decode(json.loads(body)["message"]["data"]))
        # A message may come twice, and an upload that gets further thumbnails sends an event for
        # each. If the reaction fails, so does the note of it, and the message comes again.
        with done:
            names = [thumb["name"] for thumb in event["thumbnails"]]
            if news := [name for name in names or [FAILED] if note(event["id"], name)]:
                react(event, news)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    done = sqlite3.connect(os.environ["DATA"])
    done.execute("CREATE TABLE IF NOT EXISTS done (id, name, UNIQUE (id, name))")
    HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Webhook).serve_forever()
