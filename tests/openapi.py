"""Checks responses of the API against its OpenAPI document."""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from quickthumb.api.openapi import describe
from quickthumb.settings import Settings


class Contract:
    """The OpenAPI document of a service."""

    def __init__(self, settings: Settings) -> None:
        self.document = describe(settings)

    def validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Return a validator that also rejects undocumented members."""
        whole = {**schema, "components": self.document["components"]}
        return Draft202012Validator(closed(whole))

    def check(self, method: str, path: str, response: Any) -> None:
        """Check status, content type, headers and body of a response.

        Args:
            method: of the request.
            path: of the request, without the query.
            response: of httpx, read.
        """
        operation = self._operation(method, path)
        status = str(response.status_code)
        if method == "OPTIONS":
            assert status in ("204", "403")
            return
        if operation is None:
            assert status in ("404", "405"), f"{method} {path} is not documented: {status}"
            return
        assert status in operation["responses"], f"{method} {path}: {status} is not documented"
        documented = operation["responses"][status]
        self._check_headers(documented.get("headers", {}), response.headers)
        if "content" not in documented or method == "HEAD":
            assert not response.content
            return
        content_type = response.headers["content-type"].partition(";")[0]
        assert content_type in documented["content"], f"{method} {path}: {content_type}"
        if content_type.endswith("json"):
            schema = documented["content"][content_type]["schema"]
            self.validator(schema).validate(response.json())

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for template, item in self._by_specificity():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path):
                key = "get" if method == "HEAD" else method.lower()
                return item.get(key)
        return None

    def _by_specificity(self) -> list[tuple[str, dict[str, Any]]]:
        """Return paths with the fewest parameters first, as in the matching of OpenAPI."""
        return sorted(self.document["paths"].items(), key=lambda pair: pair[0].count("{"))

    def _check_headers(self, documented: Mapping[str, Any], sent: Mapping[str, str]) -> None:
        for name, header in documented.items():
            if header.get("required"):
                assert name in sent, f"no {name}"
        known = {name.lower() for name in documented} | _OF_HTTP
        unknown = {name.lower() for name in sent} - known
        assert not unknown


_OF_HTTP = {
    *("content-length", "content-type", "content-encoding", "vary"),
    *("date", "server", "connection"),
    *("access-control-allow-origin", "access-control-expose-headers"),
}
"""Headers that need not be documented."""


def closed(schema: Any, use: bool = True) -> Any:
    """Return a schema that forbids additional members.

    Args:
        schema: JSON Schema, or a part of one.
        use: whether values are held to this schema by itself; parts of `allOf` and `oneOf`, and
            definitions, are not.
    """
    if isinstance(schema, list):
        return [closed(part, use=False) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {}
    for name, part in schema.items():
        if name == "properties":
            inner[name] = {member: closed(value) for member, value in part.items()}
        elif name in ("items", "additionalProperties"):
            inner[name] = closed(part)
        elif name == "components":
            definitions = part["schemas"].items()
            inner[name] = {"schemas": {key: closed(value, use=False) for key, value in definitions}}
        elif name in ("allOf", "oneOf", "anyOf"):
            inner[name] = closed(part)
        else:
            inner[name] = part
    names_members = {"properties", "$ref", "oneOf", "allOf", "anyOf"} & inner.keys()
    return inner | ({"unevaluatedProperties": False} if use and names_members else {})
