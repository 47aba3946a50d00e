"""`Content-Disposition`: the name under which a client saves what it gets (RFC 6266)."""

import re
import unicodedata
from urllib.parse import quote

_KEPT = "!#$&+-.^_`|~"  # beside letters and digits, https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1


def attachment(filename: str) -> str:
    """Return the header that has a picture saved under a name, which may be any text.

    It has the name twice: in all its letters, and in ASCII for clients that know no other. Nothing
    in it can end the header or name a folder.
    """
    shown = "".join(
        "_" if letter in '/\\:*?"<>|' or unicodedata.category(letter).startswith("C") else letter
        for letter in filename
    )
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", plain)
    if plain == shown:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe=_KEPT)}"
