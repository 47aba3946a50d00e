"""What a client declares when it starts a resumable upload."""

import json
import re
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode

from emulator.parts.front.http1 import Refused, Request


@dataclass(frozen=True, slots=True)
class Announced:
    """An upload to come.

    Attributes:
        bucket: its name, URL-encoded.
        resource: the blob's metadata, as in the JSON API.
        query: conditions, such as `ifGenerationMatch=0`.
        size: bytes; None if undeclared.
        origin: of the page that will send it; None if undeclared.
    """

    bucket: str
    resource: dict[str, Any]
    query: str
    size: int | None
    origin: str | None

    @classmethod
    def read(cls, request: Request, bucket: str, name: str, query: str, body: bytes) -> Self:
        """Read the request that starts an upload.

        Args:
            request: its head.
            bucket: its name, URL-encoded.
            name: of the blob, if the path of the URL contains it, else empty.
            query: of the URL.
            body: the resource in JSON, or empty.

        Raises:
            Refused: the request is invalid.
        """
        try:
            resource = json.loads(body or b"{}") if not name else _resource(request, name)
        except (ValueError, RecursionError):
            resource = None
        if not isinstance(resource, dict):
            raise Refused(400, "Expected a blob in JSON, or an empty body, to start an upload.")
        parameters = parse_qsl(query)
        for key, text in parameters:
            if key == "name":
                resource["name"] = text
        if not isinstance(resource.get("name"), str) or not resource["name"]:
            raise Refused(400, "The upload has no name.")
        content_type = resource.get("contentType") or request.get("x-upload-content-type")
        resource["contentType"] = content_type = content_type or "application/octet-stream"
        if not (isinstance(content_type, str) and re.fullmatch(r"[ -~]+", content_type)):
            raise Refused(400, f"{content_type!r:.100}: expected a content type.")
        size = request.get("x-upload-content-length")
        if size is not None and not re.fullmatch(r"[0-9]{1,15}", size):
            raise Refused(400, f"X-Upload-Content-Length: {size[:50]!r}: expected a number.")
        kept = [item for item in parameters if item[0] not in ("uploadType", "name")]
        declared = None if size is None else int(size)
        return cls(bucket, resource, urlencode(kept), declared, request.get("origin"))

    def path(self, id: str) -> str:
        """Return path and query of the session URL."""
        query = f"uploadType=resumable&name={quote(self.resource['name'], safe='')}&upload_id={id}"
        return f"/upload/storage/v1/b/{self.bucket}/o?{query}"


def _resource(request: Request, name: str) -> dict[str, Any]:
    """Return a blob's metadata from the headers of Cloud Storage's XML API."""
    prefix = "x-goog-meta-"
    metadata = {
        key.removeprefix(prefix): text for key, text in request.headers if key.startswith(prefix)
    }
    content_type = request.get("content-type") or "application/octet-stream"
    return {"name": name, "contentType": content_type, "metadata": metadata}
