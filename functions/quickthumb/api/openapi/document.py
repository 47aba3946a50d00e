"""The whole document: what it is about, its operations, its vocabulary."""

from typing import Any

from quickthumb.api.openapi.operations import KEYS, paths
from quickthumb.api.openapi.schemas import schemas
from quickthumb.settings import Settings

VERSION = "1.0.0"
"""Of the contract, not of the code: what breaks a client changes the first number."""

_ABOUT = """\
QuickThumb makes thumbnails without making anyone wait: send a picture, get an id at once, and
fetch the thumbnails from links that are known from the start.

An id is 128 random bits. Whoever has it can read and delete the upload, and nobody else can find
it: treat it like a key.

`HEAD` is answered wherever `GET` is, and `OPTIONS` everywhere, with the methods in `Allow`.

Errors are problem documents (RFC 9457): `code` and `type` are stable, `detail` is a sentence that
says what was wrong and what to do. `GET /problems/{code}` explains each.
"""


def describe(settings: Settings) -> dict[str, Any]:
    """Return the document for a service with these settings."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "QuickThumb",
            "version": VERSION,
            "summary": "Thumbnails without waiting.",
            "description": _ABOUT + _origins(settings),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "uploads", "description": "Send pictures, see how they stand, forget them."},
            {"name": "thumbnails", "description": "Fetch what was made."},
            {"name": "service", "description": "What the service is and whether it answers."},
        ],
        "paths": paths(settings),
        "components": {
            "schemas": schemas(settings),
            **({"securitySchemes": KEYS} if settings.api_keys else {}),
        },
    }


def _origins(settings: Settings) -> str:
    if not settings.cors_origins:
        return ""
    return f"\nScripts of these origins may use it (CORS): {', '.join(settings.cors_origins)}.\n"
