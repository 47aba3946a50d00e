"""The registry of problems: every one is there once, with all that clients are told of it."""

import ast
import re
import subprocess
import sys

import pytest

from emulator.bootstrap import ROOT
from quickthumb import problems
from quickthumb.api.refusals import refusal, respond
from quickthumb.problems import (
    PROBLEMS,
    InvalidMessage,
    NotAPicture,
    NotPublished,
    QuickThumbError,
    RangeNotSatisfiable,
    Refused,
    TooLarge,
    UnsupportedFormat,
    family,
)

FUNCTIONS = ROOT / "functions"

CONTRACT = {
    "bad-request": 400,
    "no-file": 400,
    "empty-file": 400,
    "invalid-metadata": 400,
    "invalid-option": 400,
    "invalid-idempotency-key": 400,
    "unauthorized": 401,
    "invalid-token": 401,
    "token-expired": 401,
    "token-exhausted": 403,
    "token-scope": 403,
    "cross-origin": 403,
    "not-allowed": 403,
    "not-found": 404,
    "not-ready": 404,
    "method-not-allowed": 405,
    "request-timeout": 408,
    "too-many-thumbnails": 409,
    "upload-failed": 409,
    "original-gone": 410,
    "too-large": 413,
    "not-a-picture": 415,
    "unsupported-encoding": 415,
    "unsupported-format": 415,
    "precondition-failed": 412,
    "range-not-satisfiable": 416,
    "cannot-fit": 422,
    "corrupt": 422,
    "decoder-crashed": 422,
    "gave-up": 422,
    "idempotency-key-reused": 422,
    "too-many-bytes": 422,
    "too-many-pixels": 422,
    "too-slow": 422,
    "unprocessable": 422,
    "too-many-requests": 429,
    "internal": 500,
    "misconfigured": 500,
    "busy": 503,
    "unavailable": 503,
}


def test_codes_and_statuses_are_those_that_clients_know():
    assert {code: problem.status for code, problem in PROBLEMS.items()} == CONTRACT


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_has_a_sentence_and_a_code_of_its_own(problem):
    assert re.fullmatch(r"[A-Z].*\.", problem.meaning)
    assert [other for other in family(QuickThumbError) if other.code == problem.code] == [problem]
    assert [other for other in PROBLEMS.values() if other.meaning == problem.meaning] == [problem]


def test_routes_name_problems_by_their_classes_alone():
    codes = PROBLEMS.keys() - {"cross-origin"}  # also a value of Cross-Origin-Resource-Policy
    for path in (FUNCTIONS / "quickthumb" / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "-" not in node.value or node.value not in codes, (path, node.lineno)


def test_a_family_is_a_problem_and_those_that_derive_from_it():
    assert list(family(NotAPicture)) == [NotAPicture, UnsupportedFormat]
    assert list(family(NotPublished)) == []  # to clients it is what it derives from


def in_python(code, *options):
    """Return what a fresh interpreter prints."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(
        command, cwd=FUNCTIONS, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_what_problems_mean_does_not_depend_on_docstrings():
    code = """if True:
        from quickthumb import problems
        assert problems.QuickThumbError.__doc__ is None
        for code, problem in problems.PROBLEMS.items():
            print(code, problem.explained()["detail"])
    """
    told = [f"{code} {problem.meaning}" for code, problem in PROBLEMS.items()]
    assert in_python(code, "-OO").splitlines() == told


def test_the_openapi_builder_is_imported_when_its_document_is_first_asked_for():
    code = """if True:
        import sys
        from starlette.testclient import TestClient
        sys.path.append("..")
        import main
        from quickthumb.api.routes import build
        from tests.settings import settings_with
        client = TestClient(build(None, None, None, settings_with()))
        for path in ("/", "/health", "/problems/busy", "/nothing", "/openapi.json"):
            print(client.get(path).status_code, "quickthumb.api.openapi" in sys.modules)
    """
    assert in_python(code).splitlines() == [*["200 False"] * 3, "404 False", "200 True"]


@pytest.mark.parametrize("error", [QuickThumbError, InvalidMessage, NotPublished])
def test_what_is_for_the_log_is_not_told_to_clients(error):
    assert "secret" not in error("the secret").document()["detail"]
    assert str(error("the secret")) == "the secret"


def test_a_field_is_that_of_the_class_unless_another_is_named():
    assert TooLarge("Too large.").document()["field"] == "file"
    assert TooLarge("Too large.", field="size").document()["field"] == "size"
    assert "field" not in Refused("No.").document()
    assert "field" not in TooLarge.explained()
    assert TooLarge.example()["field"] == "file"


def test_headers_come_with_the_error_and_with_its_document():
    busy = problems.Busy("Full.")
    for response in (refusal(busy), respond(busy.document())):
        assert response.headers["retry-after"] == "10"
        assert response.headers["cache-control"] == "no-store"
    assert refusal(RangeNotSatisfiable(5)).headers["content-range"] == "bytes */5"
    assert refusal(busy, {"Allow": "GET"}).headers["allow"] == "GET"


def test_a_document_of_another_version_is_answered_as_it_is():
    document = problems.document("of-old", 422, "It was so.")
    response = respond(document)
    assert response.status_code == 422
    assert b'"code":"of-old"' in response.body
