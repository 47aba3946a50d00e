"""Hooks of schemathesis, for rules that OpenAPI cannot express."""

from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from quickthumb.imaging.formats import CONTENT_TYPES
from quickthumb.options import OPTIONS
from tests.pictures import picture

PICTURES = st.builds(
    picture,
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"]),
)

TYPED = {"file", "metadata", *OPTIONS}
"""The fields of a form that are not just any text."""

# Accepted bodies must be pictures.
schemathesis.openapi.format("binary", PICTURES)
for media_type in ("application/octet-stream", *CONTENT_TYPES.values()):
    schemathesis.openapi.media_type(media_type, PICTURES)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make valid requests follow the rules that OpenAPI cannot express.

    An option is either in the body or in the query, and so is a key of metadata; each request has
    its own key, and only `*` matches what has no tag.
    """
    if not case.meta or case.meta.generation.mode.is_positive:
        body = case.body if isinstance(case.body, dict) else {}
        for name in body.get("options", body):
            case.query.pop(name, None)
        if case.path == "/" and body:
            case.query.pop("metadata", None)
            drop_repeated_keys(body)
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid4())
        if "If-Match" in case.headers:
            case.headers["If-Match"] = "*"


def drop_repeated_keys(form):
    """Remove fields of a form that give a key of metadata again, in another way."""
    metadata = form.get("metadata")
    keys = set(metadata) if isinstance(metadata, dict) else set()
    for name in [name for name in form if name not in TYPED]:
        key = name.removeprefix("metadata[").removesuffix("]")
        if key in keys:
            del form[name]
        keys.add(key)


@schemathesis.hook
def filter_body(context, body):
    """Skip forms that are invalid only because a text is a number: in a form, that is text too."""
    if context.operation.path != "/" or not isinstance(body, dict):
        return True
    return all(isinstance(value, str) for name, value in body.items() if name not in TYPED)


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Skip paths with a line break: functions-framework answers these, as text."""
    values = map(str, (path_parameters or {}).values())
    return not any("\n" in value or "%0a" in value.lower() for value in values)
