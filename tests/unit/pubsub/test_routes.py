"""The routes of REST against those that google-cloud-pubsub requests."""

import inspect

import pytest
from google.pubsub_v1.services.publisher.transports import rest_base as publisher
from google.pubsub_v1.services.schema_service.transports import rest_base as schemas
from google.pubsub_v1.services.subscriber.transports import rest_base as subscriber

from emulator.pubsub.doors.routes import ROUTES, find


def requested():
    """Yield what the library requests: the method, and how."""
    for module in (publisher, subscriber, schemas):
        (transport,) = (kind for name, kind in vars(module).items() if name.startswith("_Base"))
        for name, method in vars(transport).items():
            options = vars(method).get("_get_http_options") if inspect.isclass(method) else None
            for option in options() if options else ():
                body = option.get("body", "")
                yield name.removeprefix("_Base"), option["method"], option["uri"], body


def test_every_request_of_the_library_has_its_route():
    wanted = {(name, verb.upper(), uri, body) for name, verb, uri, body in requested()}
    assert len(wanted) > 40
    assert {(route.name, route.verb, route.template, route.body) for route in ROUTES} == wanted


@pytest.mark.parametrize(
    ("request_line", "name", "value"),
    [
        ("PUT /v1/projects/p/topics/abc", "CreateTopic", "projects/p/topics/abc"),
        ("PATCH /v1/projects/p/topics/abc", "UpdateTopic", "projects/p/topics/abc"),
        ("POST /v1/projects/p/topics/abc:publish", "Publish", "projects/p/topics/abc"),
        ("GET /v1/projects/p/topics/abc:getIamPolicy", "GetIamPolicy", "projects/p/topics/abc"),
        (
            "GET /v1/projects/p/schemas/s:listRevisions",
            "ListSchemaRevisions",
            "projects/p/schemas/s",
        ),
        ("POST /v1/projects/p/schemas:validate", "ValidateSchema", "projects/p"),
        ("GET /v1/projects/example.com:p/topics", "ListTopics", "projects/example.com:p"),
        ("GET /v1/projects/p/topics/a%2Bb%25c", "GetTopic", "projects/p/topics/a+b%c"),
    ],
)
def test_a_request_is_found_with_the_resource_it_names(request_line, name, value):
    route, resource = find(*request_line.split())
    assert (route.name, resource) == (name, value)


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /v1/projects/p",
        "POST /v1/projects/p/topics/abc",
        "POST /v1/projects/p/topics/abc:explode",
        "GET /v1/projects/p/topics/a/b",
        "GET /v2/projects/p/topics",
        "BREW /v1/projects/p/topics",
    ],
)
def test_what_is_no_method_has_no_route(request_line):
    assert find(*request_line.split()) is None
