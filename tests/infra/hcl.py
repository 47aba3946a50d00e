"""The files *.tf, parsed: blocks as Python values, expressions as text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from emulator.bootstrap import ROOT

INFRA = ROOT / "infra"
FOUNDATION = INFRA / "foundation"
MODULES = (INFRA, INFRA / "front", FOUNDATION)
"""Folders that Terraform reads as one each: what is deployed, what that calls, what comes first."""


@dataclass(frozen=True)
class Block:
    """A block at the top of a file.

    Attributes:
        kind: resource, data, provider, variable, output, locals, module or terraform.
        labels: its type and name, as far as its kind has them.
        body: its arguments and inner blocks.
        module: the folder that it is in.
    """

    kind: str
    labels: tuple[str, ...]
    body: dict[str, Any]
    module: Path = INFRA

    @property
    def address(self) -> str:
        return ".".join(self.labels)


@cache
def blocks(module: Path = INFRA) -> tuple[Block, ...]:
    return tuple(
        replace(block, module=module)
        for file in sorted(module.glob("*.tf"))
        for kind, items in hcl2.loads(file.read_text()).items()
        if not kind.startswith("__")
        for item in items
        for block in _unlabelled(kind, (), item)
    )


def _unlabelled(kind: str, labels: tuple[str, ...], item: dict[str, Any]) -> Iterator[Block]:
    if item.get("__is_block__"):
        yield Block(kind, labels, item)
        return
    for label, inner in item.items():
        yield from _unlabelled(kind, (*labels, label.strip('"')), inner)


def of_kind(*kinds: str, module: Path = INFRA) -> list[Block]:
    return [block for block in blocks(module) if block.kind in kinds]


def arguments(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Walk over the arguments and inner blocks of a body, a dynamic block like a written one."""
    for name, value in body.items():
        if name == "dynamic":
            for item in value:
                for inner, block in item.items():
                    yield inner.strip('"'), block["content"]
        elif not name.startswith("__"):
            yield name, value


def is_blocks(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(v, dict) and "__is_block__" in v for v in value
    )


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${")


def text_of(value: Any) -> str:
    """Return all text of a value, to look for references in it."""
    if isinstance(value, dict):
        return " ".join(
            f"{text_of(k)} {text_of(v)}" for k, v in value.items() if k != "__comments__"
        )
    if isinstance(value, list):
        return " ".join(map(text_of, value))
    return str(value)


def references(block: Block) -> Iterator[tuple[str, str, list[str]]]:
    """Walk over what a block reads of others: kind, address, and the path of attributes."""
    pattern = r"\b(data\.)?((?:google|time)_\w+)\.(\w+)((?:\[[^\]]+\])?)((?:\.\w+(?:\[\d+\])?)*)"
    for data, type_name, name, _, path in re.findall(pattern, text_of(block.body)):
        steps = re.findall(r"\.(\w+)", path)
        yield ("data" if data else "resource"), f"{type_name}.{name}", steps
