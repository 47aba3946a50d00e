"""Describes the API in OpenAPI 3.1, from what the code itself uses."""

from typing import Any

from quickthumb.api.openapi.operations import KEYS, TOKENS, paths
from quickthumb.api.openapi.schemas import schemas
from quickthumb.settings import Settings

VERSION = "1.0.0"
"""Version of the API, not of the code; breaking changes increment the first number."""

_ABOUT = """\
QuickThumb makes thumbnails in the background: upload a picture, get an id immediately, and fetch
the thumbnails from links that are known from the start.

An id has 112 random bits. Anyone who has it can read and delete the upload, and it cannot be
guessed: keep it secret like a key.

`HEAD` is supported wherever `GET` is, and `OPTIONS` everywhere; `Allow` lists the methods.

Errors are problem documents (RFC 9457): `code` and `type` are stable, `detail` is a sentence that
says what is wrong and how to fix it. `GET /problems/{code}` explains each problem.
"""


def describe(settings: Settings) -> dict[str, Any]:
    """Return the document of a service with these settings."""
    about = _ABOUT
    if settings.cors_origins:
        about += f"\nOrigins whose scripts may use the API: {', '.join(settings.cors_origins)}.\n"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "QuickThumb",
            "version": VERSION,
            "summary": "Thumbnails in the background.",
            "description": about,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "uploads", "description": "Upload pictures, get their status, delete them."},
            {"name": "thumbnails", "description": "Fetch thumbnails."},
            {"name": "service", "description": "Describe and check the service."},
        ],
        "paths": paths(settings),
        "components": {
            "schemas": schemas(settings),
            **({"securitySchemes": KEYS} if settings.api_keys else {}),
            **({"securitySchemes": KEYS | TOKENS} if settings.gives_tokens else {}),
        },
    }
