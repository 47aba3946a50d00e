"""Buckets of an emulator of Cloud Storage, over its JSON API.

https://docs.cloud.google.com/storage/docs/json_api/v1
"""

from urllib.parse import quote

import h11

from emulator.pubsub.doors.http_post import HttpPoster

STORE_SECONDS = 60.0
_CHECK_SECONDS = 10.0

_OK = 200
_NOT_FOUND = 404


class StorageFailed(Exception):
    """The storage does not answer, or refuses; the text says how."""


class BucketMissing(StorageFailed):
    """The bucket does not exist."""


class Buckets:
    """Stores blobs in the buckets of one emulator."""

    def __init__(self, address: str) -> None:
        """Connect to nothing yet.

        Args:
            address: A URL, or host:port, as STORAGE_EMULATOR_HOST has it.
        """
        self._url = (address if "://" in address else f"http://{address}").rstrip("/")
        self._poster = HttpPoster()

    async def exists(self, bucket: str) -> bool:
        """Return whether there is a bucket of this name.

        Raises:
            StorageFailed: If that cannot be found out.
        """
        path = f"/storage/v1/b/{quote(bucket, safe='')}"
        status = await self._send(path, [], b"", _CHECK_SECONDS, method="GET")
        if status not in (_OK, _NOT_FOUND):
            raise StorageFailed(f"it answered {status} at {self._url}{path}")
        return status == _OK

    async def store(self, bucket: str, name: str, content_type: str, body: bytes) -> None:
        """Store a blob.

        Raises:
            BucketMissing: If the bucket does not exist.
            StorageFailed: If it is not known to be stored, for another reason.
        """
        path = (
            f"/upload/storage/v1/b/{quote(bucket, safe='')}/o"
            f"?uploadType=media&name={quote(name, safe='')}"
        )
        headers = [("Content-Type", content_type)]
        status = await self._send(path, headers, body, STORE_SECONDS)
        if status == _NOT_FOUND:
            raise BucketMissing(f"there is no bucket {bucket}")
        if status != _OK:
            raise StorageFailed(f"it answered {status} to the blob {name}")

    def close(self) -> None:
        """Close the idle connections."""
        self._poster.close()

    async def _send(
        self,
        path: str,
        headers: list[tuple[str, str]],
        body: bytes,
        seconds: float,
        *,
        method: str = "POST",
    ) -> int:
        try:
            return await self._poster.post(self._url + path, headers, body, seconds, method=method)
        except TimeoutError as error:
            raise StorageFailed(f"no answer of {self._url} within {seconds:g} s") from error
        except (OSError, ValueError, h11.ProtocolError) as error:
            raise StorageFailed(f"{self._url}: {error or type(error).__name__}") from error
