"""infra/provider-schema.json as Terraform's plugin protocol has it.

What the bindings do not tell: which optional attributes the cloud fills in when they are left out.
They are null here, so nothing may read one that it has not set.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.infra.hcl import INFRA
from tests.infra.stub.protocol import message

LIST, SET, SINGLE = 2, 3, 1  # tfplugin5: Schema.NestedBlock.NestingMode


@dataclass(frozen=True)
class Block:
    """A resource, a data source, a provider, or a block within one.

    Attributes:
        described: the message that Terraform gets.
        computed: names of the attributes that the cloud fills in.
        blocks: the blocks within, by name.
    """

    described: Any
    computed: tuple[str, ...]
    blocks: dict[str, "Block"]


@cache
def schemas() -> dict[str, dict[str, dict[str, Block]]]:
    """Return the blocks by provider, kind (resource, data, provider) and type."""
    content = json.loads((INFRA / "provider-schema.json").read_text())
    return {
        provider: {
            kind: {
                name: _block(entry, has_id=kind != "provider")
                for name, entry in schema.get(kind, {}).items()
            }
            for kind in ("resource", "data", "provider")
        }
        for provider, schema in content.items()
    }


def _block(entry: dict[str, Any], has_id: bool = False) -> Block:
    attributes, nested, inner = [], [], {}
    for name, taken in entry.get("takes", {}).items():
        if "block" in taken["type"]:
            inner[name] = _block(taken)
            nested.append(_nested(name, taken, inner[name]))
        else:
            # Of all that can be set, `id` alone is known to be computed as well.
            attributes.append(
                message(
                    "Attribute",
                    name=name,
                    type=_type(taken["type"]),
                    required=taken["required"],
                    optional=not taken["required"],
                    computed=has_id and name == "id",
                )
            )
    given = entry.get("gives", {})
    attributes += [
        message("Attribute", name=name, type=_type(kind), computed=True)
        for name, kind in given.items()
    ]
    described = message("Block", attributes=attributes, block_types=nested)
    return Block(described, (*(["id"] if has_id else []), *given), inner)


def _nested(name: str, taken: dict[str, Any], inner: Block) -> Any:
    kind = taken["type"]
    if kind == "single block":
        return message("NestedBlock", type_name=name, block=inner.described, nesting=SINGLE)
    return message(
        "NestedBlock",
        type_name=name,
        block=inner.described,
        nesting=SET if kind.startswith("set of ") else LIST,
        min_items=int(taken["required"]),
        max_items=1 if kind.endswith("block") else 0,
    )


def _type(kind: str) -> bytes:
    """Return a type as Terraform writes it: "string", ["list", "string"]."""
    container, _, element = kind.partition(" of ")
    return json.dumps([container, element] if element else kind).encode()
