"""Values as Terraform sends them, and those that are not known before something is made."""

from collections.abc import Callable
from typing import Any

import msgpack

from tests.infra.stub.protocol import message


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN = _Unknown()
"""Stands for a value that only the cloud can tell."""

_UNKNOWN_ON_THE_WIRE = msgpack.ExtType(0, b"\x00")


def decoded(value: Any) -> Any:
    """Return what a DynamicValue holds."""
    if not value.msgpack:
        return None
    # Terraform may add what it knows of an unknown value, as an extension of another code.
    return msgpack.unpackb(value.msgpack, strict_map_key=False, ext_hook=lambda *_: UNKNOWN)


def encoded(value: Any) -> Any:
    """Return a DynamicValue."""
    packed = msgpack.packb(value, default=lambda _: _UNKNOWN_ON_THE_WIRE)
    return message("DynamicValue", msgpack=packed)


def is_known(value: Any) -> bool:
    """Return whether nothing in a value is unknown."""
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    if isinstance(value, list):
        return all(map(is_known, value))
    return value is not UNKNOWN


def written(value: Any) -> Any:
    """Return a configuration without what was not written: nulls and empty collections."""
    if isinstance(value, dict):
        pairs = ((name, written(item)) for name, item in value.items())
        return {name: item for name, item in pairs if item not in (None, [], {})}
    if isinstance(value, list):
        return [written(item) for item in value]
    return value


def completed(value: Any, schema: Any, give: Callable[[str], Any]) -> Any:
    """Return a resource or block with its computed attributes filled in.

    Args:
        value: of the resource or block.
        schema: its block of `schema.py`.
        give: returns the value of a computed attribute, by its name.
    """
    filled = dict(value)
    for name in schema.computed:
        if filled.get(name) is None or filled[name] is UNKNOWN:
            filled[name] = give(name)
    for name, inner in schema.blocks.items():
        items = filled.get(name)
        if isinstance(items, list):
            filled[name] = [completed(item, inner, give) for item in items]
        elif isinstance(items, dict):
            filled[name] = completed(items, inner, give)
    return filled
