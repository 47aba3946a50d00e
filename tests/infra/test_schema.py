import json
import re
from graphlib import TopologicalSorter

import pytest

from tests.infra.hcl import (
    FOUNDATION,
    INFRA,
    MODULES,
    Block,
    arguments,
    blocks,
    is_blocks,
    is_expression,
    of_kind,
    references,
)

SCHEMA = json.loads((INFRA / "provider-schema.json").read_text())
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}
ALL = [block for module in MODULES for block in blocks(module)]
USED = [block for block in ALL if block.kind in ("resource", "data", "provider")]


def schema_of(block):
    provider = block.labels[0].split("_")[0]
    return SCHEMA[provider][block.kind][block.labels[0]]


def mistakes(body, schema, place):
    """Walk over what a body has that the schema does not allow, and lacks that it requires."""
    takes = schema["takes"]
    # Of a resource, Terraform itself takes some more; a block within it is the provider's alone.
    taken_by_terraform = META if place.count(".") < 2 else set()
    given = [(name, value) for name, value in arguments(body) if name not in taken_by_terraform]
    for name, value in given:
        if name not in takes:
            yield f"{place}: there is no {name}"
            continue
        wanted = takes[name]["type"]
        if is_blocks(value) != ("block" in wanted):
            yield f"{place}.{name}: expected {wanted}"
        elif is_blocks(value):
            if wanted.endswith("block") and len(value) > 1:
                yield f"{place}.{name}: expected one block"
            for item in value:
                yield from mistakes(item, takes[name], f"{place}.{name}")
        elif not is_expression(value) and not fits(value, wanted):
            yield f"{place}.{name}: {value!r}: expected {wanted}"
    for name, entry in takes.items():
        if entry["required"] and name not in dict(given):
            yield f"{place}: {name} is missing"


def fits(value, wanted):
    if wanted.startswith(("list of ", "set of ")):
        element = wanted.partition(" of ")[2]
        return isinstance(value, list) and all(
            is_expression(item) or fits(item, element) for item in value
        )
    if wanted.startswith("map of "):
        return isinstance(value, dict)
    return {
        "string": isinstance(value, str) and value.startswith('"'),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
    }[wanted]


@pytest.mark.parametrize("block", USED, ids=lambda block: f"{block.kind} {block.address}")
def test_the_provider_takes_what_a_block_gives_it(block):
    assert list(mistakes(block.body, schema_of(block), block.address)) == []


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"name": '"a"', "colour": '"red"'}, "there is no colour"),
        ({}, "name is missing"),
        ({"name": 5}, "name: 5: expected string"),
        ({"name": '"a"', "retry_policy": '"x"'}, "expected block"),
        ({"name": '"a"', "push_config": [{"__is_block__": True}]}, "push_endpoint is missing"),
    ],
)
def test_a_mistake_in_a_block_is_found(body, mistake):
    block = Block("resource", ("google_pubsub_subscription", "push"), body)
    assert mistake in "; ".join(mistakes(body, schema_of(block), block.address))


def existing(module):
    blocks_of_it = of_kind("resource", "data", module=module)
    return {(block.kind, block.address): block for block in blocks_of_it}


@pytest.mark.parametrize("block", ALL, ids=lambda block: f"{block.kind} {block.address}")
def test_what_a_block_reads_of_another_is_there(block):
    known = existing(block.module)
    for kind, address, path in references(block):
        assert (kind, address) in known, f"{block.address} reads {address}, which is not there"
        schema = schema_of(known[kind, address])
        for step in path:
            if address.endswith("." + step):
                continue
            assert step in schema["takes"] or step in schema["gives"], f"{address}: no {step}"
            schema = schema["takes"].get(step, {"takes": {}, "gives": []})
            schema.setdefault("takes", {})
            schema.setdefault("gives", [])


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_variable_and_local_that_is_read_is_declared(module):
    variables = {block.labels[0] for block in of_kind("variable", module=module)}
    names = {
        name for block in of_kind("locals", module=module) for name, _ in arguments(block.body)
    }
    text = "\n".join(file.read_text() for file in module.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == variables
    assert set(re.findall(r"\blocal\.(\w+)", text)) == names


def test_a_module_is_given_what_it_asks_for_and_asked_for_what_it_gives():
    (call,) = of_kind("module")
    module = INFRA / call.body["source"].strip('"')
    assert module in MODULES
    variables = {block.labels[0]: block for block in of_kind("variable", module=module)}
    given = {name for name, _ in arguments(call.body)} - META - {"source"}
    assert given <= variables.keys()
    assert {n for n, block in variables.items() if "default" not in block.body} <= given
    outputs = {block.labels[0] for block in of_kind("output", module=module)}
    text = "\n".join(file.read_text() for file in INFRA.glob("*.tf"))
    read = re.findall(rf"module\.{call.labels[0]}\[\*\]\.(\w+)", text)
    assert outputs == set(read)


def test_every_variable_says_what_it_is_and_of_which_type():
    for block in (block for block in ALL if block.kind == "variable"):
        assert block.body["description"], block.labels
        assert block.body["type"], block.labels


def test_the_schema_is_of_the_versions_that_are_pinned():
    pinned = {
        (name, entry["version"].strip('"'))
        for root in (INFRA, FOUNDATION)
        for terraform in of_kind("terraform", module=root)
        for name, entry in terraform.body["required_providers"][0].items()
        if "__" not in name
    }
    assert pinned == {(name, schema["version"]) for name, schema in SCHEMA.items()}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_block_waits_for_itself(module):
    waits = {
        (block.kind, block.address): {(kind, address) for kind, address, _ in references(block)}
        for block in of_kind("resource", "data", module=module)
    }
    assert set(TopologicalSorter(waits).static_order()) == waits.keys()
