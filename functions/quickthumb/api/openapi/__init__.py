"""The description of the API in OpenAPI 3.1, made from what the code itself goes by."""

from quickthumb.api.openapi.document import describe

__all__ = ["describe"]
