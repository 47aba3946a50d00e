"""The OpenAPI document says what the code does: routes, options, limits and problems."""

import json
import re
from dataclasses import replace

import pytest
import schemathesis
from msgspec import structs

from quickthumb.api.access import Keys
from quickthumb.api.growth import Growth
from quickthumb.api.idempotency import Idempotency
from quickthumb.api.openapi import describe
from quickthumb.api.pages import Pages
from quickthumb.api.quotas import Quotas
from quickthumb.api.records import Records
from quickthumb.api.routes import table
from quickthumb.api.thumbnails import Thumbnails
from quickthumb.api.tokens import Tokens
from quickthumb.api.uploads import Uploads
from quickthumb.documents.rendition import MAX_SIZE, Rendition
from quickthumb.options import MAX_RENDITIONS, OPTIONS, parse_sizes
from quickthumb.problems import PROBLEMS, Unprocessable, family
from quickthumb.store import Store
from tests.doubles import MemoryBucket, MemoryTopic
from tests.openapi import Contract
from tests.settings import settings_with

SETTINGS = settings_with()
DOCUMENT = describe(SETTINGS)
METHODS = ("get", "post", "put", "delete", "patch", "head", "options")


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), item[method]


def schema(name):
    return DOCUMENT["components"]["schemas"][name]


def test_the_document_is_valid_openapi():
    schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT))).validate()


def test_every_route_is_documented_and_nothing_else():
    store = Store(MemoryBucket(), MemoryBucket())
    records, keys = Records(MemoryBucket()), Keys(())
    attempts = Idempotency(records, SETTINGS.takeover_seconds)
    resources = (
        Uploads(store, attempts, MemoryTopic(), SETTINGS, keys, Quotas(records, (None, None))),
        Tokens(keys, SETTINGS),
        Thumbnails(store, MemoryTopic(), SETTINGS),
        Pages(SETTINGS),
        Growth(store, MemoryTopic(), SETTINGS),
    )
    routes = {(path, method) for path, handlers in table(*resources).items() for method in handlers}
    assert {(path, method) for path, method, _ in operations()} == routes


def test_every_operation_has_its_own_id_and_a_summary():
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert all(operation["summary"] for _, _, operation in operations())


def test_every_reference_leads_somewhere():
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)):
        assert name in DOCUMENT["components"]["schemas"]


def test_every_option_is_a_query_parameter_and_a_field_with_the_same_schema():
    query = DOCUMENT["paths"]["/"]["post"]["parameters"]
    form = schema("Form")["properties"]
    named = {parameter["name"] for parameter in query if parameter["in"] == "query"}
    assert named == {*OPTIONS, "metadata"}
    assert set(form) == {"file", *named}
    for parameter in query:
        if parameter["in"] == "query":
            content = parameter.get("content", {}).get("application/json", parameter)
            field = form[parameter["name"]]
            whole, *empty = field.get("anyOf", [field])
            assert content["schema"].items() <= whole.items()
            assert empty in ([], [{"const": ""}])


def test_the_defaults_of_options_are_those_of_a_rendition():
    defaults = {field.name: field.default for field in structs.fields(Rendition)}
    for name, option in OPTIONS.items():
        if name != "sizes":
            assert option.schema.get("default") == defaults[name]


def test_the_pattern_of_sizes_allows_what_is_accepted():
    pattern = re.compile(OPTIONS["sizes"].schema["pattern"])
    for size in range(MAX_SIZE + 1000):
        assert bool(pattern.search(str(size))) == (1 <= size <= MAX_SIZE)
    most = ",".join(map(str, range(1, MAX_RENDITIONS + 1)))
    assert pattern.search(most)
    assert not pattern.search(f"{most},100")
    assert pattern.search("64, 256")
    assert parse_sizes("64, 256") == (64, 256)


def test_limits_are_those_of_the_settings():
    document = describe(
        replace(SETTINGS, max_upload_bytes=12_345, max_files=7, max_wait_seconds=11, sizes=(3, 4))
    )
    text = json.dumps(document)
    assert "12,345 bytes" in text
    assert "7 at most" in text
    assert "11 at most" in text
    files = document["components"]["schemas"]["Form"]["properties"]["file"]
    assert files["maxItems"] == 7
    assert '"default": "3,4"' in text


def test_options_are_documented_only_where_they_are_taken():
    document = describe(replace(SETTINGS, only_renditions=True))
    for path in ("/", "/uploads"):
        parameters = document["paths"][path]["post"]["parameters"]
        query = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
        assert query == ["metadata"]
    schemas = document["components"]["schemas"]
    assert list(schemas["Form"]["properties"]) == ["file", "metadata"]
    announced = schemas["Announcement"]["properties"]["options"]["$ref"].rpartition("/")[2]
    assert not schemas[announced]["properties"]
    assert "sizes" in schema(announced)["properties"]


def test_every_problem_is_documented():
    assert schema("Problem")["properties"]["code"]["enum"] == sorted(PROBLEMS)
    failures = [problem.code for problem in family(Unprocessable)]
    assert schema("Failure")["properties"]["code"]["enum"] == failures


def examples_of(value, path=""):
    """Yield each example with the schema it is an example of."""
    if isinstance(value, dict):
        if "schema" in value:
            for name, example in value.get("examples", {}).items():
                yield f"{path}/{name}", value["schema"], example["value"]
            if "example" in value:
                yield path, value["schema"], value["example"]
        if "examples" in value and isinstance(value["examples"], list):
            yield from ((path, value, example) for example in value["examples"])
        for name, part in value.items():
            yield from examples_of(part, f"{path}/{name}")


EXAMPLES = list(examples_of(DOCUMENT))


@pytest.mark.parametrize(
    ("schema", "example"),
    [(schema, example) for _, schema, example in EXAMPLES],
    ids=[path for path, _, _ in EXAMPLES],
)
def test_every_example_is_what_its_schema_says(schema, example):
    Contract(SETTINGS).validator(schema).validate(example)


def test_every_json_answer_has_an_example():
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                if media_type.endswith("json") and path != "/openapi.json":
                    reference = content["schema"].get("$ref", "").rpartition("/")[2]
                    assert content.get("examples") or schema(reference).get("examples"), (
                        method,
                        path,
                        status,
                        media_type,
                    )
