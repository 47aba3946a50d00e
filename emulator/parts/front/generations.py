"""Deleting one generation of a blob, which fake-gcs-server takes for deleting any.

The check and the deletion are two requests to the server, so a write in between goes unnoticed. On
Google Cloud they are one.
"""

import json
from urllib.parse import parse_qs

from emulator.parts.front.exchange import Exchange
from emulator.parts.front.http1 import Refused


def expect_current(exchange: Exchange) -> None:
    """Check that a request deletes the current generation, if it names one.

    Raises:
        Refused: it names another one, or the server does not answer.
    """
    path, _, query = exchange.request.target.partition("?")
    [named] = parse_qs(query).get("generation", [""])[:1]
    if exchange.request.method != "DELETE" or not named:
        return
    status, body = exchange.ask(f"GET {path}")
    if status == 200 and json.loads(body).get("generation") != named:
        raise Refused(404, f"There is no generation {named[:30]} of this blob.")
