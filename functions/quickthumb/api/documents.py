"""The JSON that tells of an upload."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from quickthumb.documents.manifest import Manifest
from quickthumb.documents.rendition import Rendition
from quickthumb.settings import Settings
from quickthumb.store.originals import Queued


def queued(id: str, renditions: Sequence[Rendition]) -> dict[str, Any]:
    """Describe an upload whose job has not ended."""
    return {
        "id": id,
        "status": "queued",
        "links": _links(id, [rendition.name for rendition in renditions]),
    }


def session(id: str, url: str, renditions: Sequence[Rendition]) -> dict[str, Any]:
    """Tell where to send an upload that was announced."""
    return {
        "id": id,
        "upload": {"method": "PUT", "url": url},
        "links": _links(id, [rendition.name for rendition in renditions]),
    }


def status(id: str, state: Manifest | Queued) -> dict[str, Any]:
    """Describe how an upload stands."""
    if isinstance(state, Queued):
        return queued(id, state.renditions)
    document: dict[str, Any] = {"id": id, "status": state.state}
    if state.original:
        document["original"] = asdict(state.original)
    if state.placeholder:
        document["placeholder"] = asdict(state.placeholder)
    if state.failure:
        return document | {"error": asdict(state.failure), "links": _links(id, [])}
    return document | {
        "thumbnails": {
            thumb.name: {
                "href": f"/{id}/{thumb.name}",
                "width": thumb.width,
                "height": thumb.height,
                "bytes": thumb.bytes,
                "content_type": thumb.content_type,
            }
            for thumb in state.thumbnails
        },
        "links": _links(id, [thumb.name for thumb in state.thumbnails]),
    }


def service(settings: Settings) -> dict[str, Any]:
    """Describe what this service is and takes."""
    return {
        "service": "QuickThumb",
        "upload": "POST a picture to /, as the body or as the field file of a form",
        "large_upload": "POST its size as JSON to /uploads, then PUT it where the answer says",
        "links": {
            "self": "/",
            "uploads": "/uploads",
            "status": "/{id}",
            "thumbnail": "/{id}/{name}",
            "docs": "/docs",
            "openapi": "/openapi.json",
        },
        "renditions": [rendition.to_dict() for rendition in settings.menu.standard],
        "sizes": list(settings.sizes),
        "options": not settings.only_renditions,
        "max_upload_bytes": settings.max_upload_bytes,
        "max_original_bytes": settings.max_original_bytes,
    }


def _links(id: str, names: Sequence[str]) -> dict[str, Any]:
    return {"self": f"/{id}", "thumbnails": {name: f"/{id}/{name}" for name in names}}
