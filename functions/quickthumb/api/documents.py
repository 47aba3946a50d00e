"""The JSON responses about uploads and the service."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, Struct, to_builtins

from quickthumb.documents import answers
from quickthumb.documents.manifest import Manifest
from quickthumb.documents.metadata import Metadata
from quickthumb.documents.rendition import Rendition
from quickthumb.settings import Settings
from quickthumb.store.originals import Queued


def queued(
    id: str, renditions: Sequence[Rendition], metadata: Metadata | None = None
) -> dict[str, Any]:
    """Return the status of an upload whose job has not ended."""
    links = _links(id, _names(renditions))
    return _json(answers.Queued(id, "queued", links, metadata or UNSET))


def session(id: str, url: str, renditions: Sequence[Rendition]) -> dict[str, Any]:
    """Return where to send an announced upload."""
    return _json(answers.Session(id, answers.Target("PUT", url), _links(id, _names(renditions))))


def status(id: str, state: Manifest | Queued) -> dict[str, Any]:
    """Return the status of an upload."""
    if isinstance(state, Queued):
        return queued(id, state.renditions, state.metadata)
    common: dict[str, Any] = {
        "id": id,
        "original": state.original or UNSET,
        "links": _links(id, state.links),
        "metadata": state.metadata or UNSET,
    }
    if state.failure:
        return _json(answers.Failed(status="failed", error=state.failure, **common))
    thumbnails = {
        thumb.name: answers.Thumbnail(
            *(f"/{id}/{thumb.name}", thumb.width, thumb.height, thumb.bytes, thumb.content_type)
        )
        for thumb in state.thumbnails
    }
    placeholder = state.placeholder or UNSET
    return _json(
        answers.Done(status="done", placeholder=placeholder, thumbnails=thumbnails, **common)
    )


def service(settings: Settings) -> dict[str, Any]:
    """Return the description of this service."""
    return _json(
        answers.Service(
            service="QuickThumb",
            upload="POST a picture to /, as the body or as the field file of a form",
            large_upload="POST its size as JSON to /uploads, then PUT it where the answer says",
            links={
                "self": "/",
                "uploads": "/uploads",
                "status": "/{id}",
                "thumbnail": "/{id}/{name}",
                "docs": "/docs",
                "openapi": "/openapi.json",
            },
            renditions=list(settings.menu.standard),
            sizes=list(settings.sizes),
            options=not settings.only_renditions,
            max_upload_bytes=settings.max_upload_bytes,
            max_original_bytes=settings.max_original_bytes,
        )
    )


def _names(renditions: Iterable[Rendition]) -> list[str]:
    return [name for rendition in renditions for name in rendition.names]


def _links(id: str, names: Iterable[str]) -> answers.Links:
    return answers.Links(f"/{id}", {name: f"/{id}/{name}" for name in names})


def _json(answer: Struct) -> dict[str, Any]:
    return dict(to_builtins(answer))
