"""The blobs in the buckets, as their server lists them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode

from emulator.dashboard.direct import opener
from emulator.dashboard.errors import Unavailable, Unknown

MOST_LISTED = 5_000
"""Blobs of a bucket that are looked through for the latest."""

_SECONDS = 10.0


class Buckets:
    """The buckets of a cloud.

    Args:
        storage: URL of the server.
        names: full names by name in the topology.
    """

    def __init__(self, storage: str, names: Mapping[str, str]) -> None:
        self._storage = storage
        self.names = dict(names)

    def listing(self, bucket: str, prefix: str, limit: int) -> dict[str, Any]:
        """Return the latest blobs of a bucket.

        Args:
            bucket: its name in the topology.
            prefix: only blobs whose names start with it.
            limit: most blobs to return.

        Raises:
            Unknown: there is no such bucket.
            Unavailable: the server does not answer.
        """
        found: list[dict[str, Any]] = []
        token = ""
        while len(found) < MOST_LISTED:
            query = urlencode({"prefix": prefix, "maxResults": 1000, "pageToken": token})
            with self._get(f"/storage/v1/b/{self._full(bucket)}/o?{query}") as answer:
                page = json.load(answer)
            found += [_blob(bucket, item) for item in page.get("items", [])]
            token = page.get("nextPageToken", "")
            if not token:
                break
        latest = sorted(found, key=lambda blob: str(blob["updated"]), reverse=True)[:limit]
        return {"bucket": bucket, "count": len(found), "more": bool(token), "blobs": latest}

    def about(self, subject: str) -> list[dict[str, Any]]:
        """Return the blobs of all buckets whose names start with a subject, such as an upload's id.

        Raises:
            Unavailable: the server does not answer.
        """
        return [blob for name in self.names for blob in self.listing(name, subject, 100)["blobs"]]

    @contextmanager
    def content(self, bucket: str, blob: str) -> Iterator[tuple[str, HTTPResponse]]:
        """Yield the media type of a blob, and a file to read it from.

        Raises:
            Unknown: there is no such blob.
            Unavailable: the server does not answer.
        """
        path = f"/storage/v1/b/{self._full(bucket)}/o/{quote(blob, safe='')}?alt=media"
        with self._get(path) as answer:
            yield answer.headers.get("Content-Type", "application/octet-stream"), answer

    def _full(self, bucket: str) -> str:
        if bucket not in self.names:
            raise Unknown(f"There is no bucket {bucket!r}: expected {', '.join(self.names)}.")
        return self.names[bucket]

    @contextmanager
    def _get(self, path: str) -> Iterator[HTTPResponse]:
        try:
            with opener.open(self._storage + path, timeout=_SECONDS) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise Unknown("There is no such blob.") from None
            raise Unavailable(f"The storage server answered {error.code}.") from None
        except OSError as error:
            raise Unavailable(f"The storage server does not answer: {error}") from None


def _blob(bucket: str, item: Mapping[str, Any]) -> dict[str, Any]:
    name = str(item["name"])
    return {
        "bucket": bucket,
        "name": name,
        "size": int(item.get("size", 0)),
        "content_type": item.get("contentType"),
        "updated": item.get("updated") or item.get("timeCreated"),
        "href": f"/api/buckets/{quote(bucket)}/blobs/{quote(name)}",
    }
