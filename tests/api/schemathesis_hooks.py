"""Hooks of schemathesis, for rules that OpenAPI cannot express."""

from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from quickthumb.imaging.formats import CONTENT_TYPES
from tests.pictures import picture

PICTURES = st.builds(
    picture,
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"]),
)

# Accepted bodies must be pictures.
schemathesis.openapi.format("binary", PICTURES)
for media_type in ("application/octet-stream", *CONTENT_TYPES.values()):
    schemathesis.openapi.media_type(media_type, PICTURES)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make valid requests follow the rules that OpenAPI cannot express.

    An option is either in the body or in the query, each request has its own key, and only `*`
    matches what has no tag.
    """
    if not case.meta or case.meta.generation.mode.is_positive:
        body = case.body if isinstance(case.body, dict) else {}
        for name in body.get("options", body):
            case.query.pop(name, None)
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid4())
        if "If-Match" in case.headers:
            case.headers["If-Match"] = "*"


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Skip paths with a line break: functions-framework answers these, as text."""
    values = map(str, (path_parameters or {}).values())
    return not any("\n" in value or "%0a" in value.lower() for value in values)
