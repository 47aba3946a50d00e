"""The answer to an upload, as upload widgets send it back to name that upload."""

from msgspec import Struct

from quickthumb.documents import untrusted
from quickthumb.documents.names import is_id
from quickthumb.problems import InvalidMessage, Refused


class _Receipt(Struct, frozen=True):
    id: str


def named_in(body: bytes) -> str:
    """Return the id of the upload that a body names: the id as text, or the answer in JSON.

    Raises:
        Refused: it names no upload.
    """
    text = body.decode(errors="replace").strip()
    if is_id(text):
        return text
    try:
        return untrusted.read(_Receipt, body).id
    except InvalidMessage as error:
        raise Refused(
            "The body names no upload: expected its id as text, or the JSON that answered the "
            f"upload ({error})."
        ) from None
