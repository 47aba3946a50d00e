"""The route `POST /tokens`."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import to_builtins
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quickthumb.api.access import Keys
from quickthumb.api.intake import receive_json
from quickthumb.documents.metadata import checked
from quickthumb.documents.token import MAX_LENGTH, Token
from quickthumb.options import renditions_of
from quickthumb.problems import InvalidMetadata
from quickthumb.settings import Settings


class Tokens:
    """The handler of the route."""

    def __init__(self, keys: Keys, settings: Settings) -> None:
        self._keys = keys
        self._settings = settings

    async def create(self, request: Request) -> Response:
        """POST /tokens: return a token that allows uploads. Nothing is stored."""
        # Rarely requested, and importing it would slow down every cold start.
        from quickthumb.documents.grant import Granted, read_grant

        grant = read_grant(await receive_json(request))
        fixed, allow = grant.fixed, grant.choices
        renditions_of(_example(fixed, allow), self._settings.menu)  # raises what uploads would
        expires = int(time.time()) + grant.expires_in
        token = Token(
            id=Token.new_id(),
            expires=expires,
            max_files=grant.files,
            max_size=grant.bytes or self._settings.max_original_bytes,
            uses=grant.uses,
            options=fixed,
            allow=allow,
            metadata=checked(grant.metadata),
            uploads_per_minute=grant.uploads_per_minute,
            bytes_per_minute=grant.bytes_per_minute,
        )
        text = self._keys.sign(token, request.state.holder)
        if len(text) > MAX_LENGTH:
            raise InvalidMetadata(
                f"The token would have {len(text):,} characters: expected at most {MAX_LENGTH:,}. "
                "Send less metadata."
            )
        granted = Granted(text, datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return JSONResponse(to_builtins(granted), 201, {"Cache-Control": "no-store"})


def _example(
    fixed: dict[str, str], allow: Mapping[str, Sequence[str] | None]
) -> list[tuple[str, str]]:
    """Return the options of an upload that such a token allows."""
    chosen = {name: texts[0] for name, texts in allow.items() if texts}
    if "sizes" in allow:
        chosen.setdefault("sizes", "256")
    return [*(fixed | chosen).items()]
