"""Text files: the data of the messages alone, separated by newlines.

https://docs.cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_format
"""

from collections.abc import Iterable

CONTENT_TYPE = "text/plain"


def file(records: Iterable[bytes]) -> bytes:
    """Return a file with the data of some messages."""
    return b"\n".join(records)
