"""Pages of other origins."""

import pytest

from tests.service import Service, expect_problem

PAGE = "https://app.example.com"
STRANGER = "https://elsewhere.example"


@pytest.fixture
def service():
    return Service(cors_origins=(PAGE, "http://localhost:3000"))


SENT = "idempotency-key,x-api-key,authorization,content-type,x-requested-with,cache-control"


def preflight(service, origin, method="POST", headers=SENT, path="/"):
    return service.http.options(
        path,
        headers={
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": headers,
        },
    )


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
def test_a_page_of_a_configured_origin_may_send(service, origin, method):
    answer = preflight(service, origin, method)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert method in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == SENT
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": STRANGER},
        {"origin": f"{PAGE}.evil.example"},
        {"origin": "null"},
        {"origin": PAGE, "method": "PUT"},
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(service, asked):
    answer = preflight(service, **asked)
    detail = expect_problem(answer, 403, "cross-origin")["detail"]
    assert "QUICKTHUMB_CORS_ORIGINS" in detail
    assert "DELETE" in detail
    assert answer.headers.get("access-control-allow-origin") != STRANGER


def test_scripts_may_read_what_they_need(service):
    answer = service.post(headers={"origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Location", "ETag", "Retry-After", "Content-Disposition"} <= set(exposed)


def test_errors_can_be_read_too(service):
    answer = service.http.post("/", headers={"origin": PAGE})
    expect_problem(answer, 400, "no-file")
    assert answer.headers["access-control-allow-origin"] == PAGE
    service.originals.stat = lambda name: 1 / 0
    answer = service.http.get("/" + "0" * 32, headers={"origin": PAGE})
    expect_problem(answer, 500, "internal")
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_other_origins_get_no_cors_headers(service):
    answer = service.http.get("/", headers={"origin": STRANGER})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origins", [(PAGE,), ("*",)])
def test_cached_responses_vary_by_origin(origins):
    service = Service(cors_origins=origins)
    path = f"/{service.done(params={'sizes': '16'})}/16"
    etag = service.http.get(path).headers["etag"]
    for origin in ({}, {"origin": PAGE}, {"origin": STRANGER}):
        for condition in ({}, {"if-none-match": etag}, {"range": "bytes=0-1"}):
            answer = service.http.get(path, headers=origin | condition)
            assert answer.headers["vary"] == "Origin"


def test_every_origin_may_be_let_in():
    service = Service(cors_origins=("*",))
    assert preflight(service, STRANGER).status_code == 204
    answer = service.http.get("/", headers={"origin": STRANGER})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_without_configured_origins_there_are_no_cors_headers():
    service = Service()
    answer = service.http.get("/", headers={"origin": PAGE})
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" not in answer.headers.get("vary", "")
    assert preflight(service, PAGE).status_code == 204  # a plain OPTIONS: the browser refuses
    assert "access-control-allow-origin" not in preflight(service, PAGE).headers


def test_a_preflight_needs_no_key():
    service = Service(cors_origins=(PAGE,), api_keys=("0" * 64,))
    assert preflight(service, PAGE).status_code == 204
    answer = service.post(headers={"origin": PAGE})
    expect_problem(answer, 401, "unauthorized")
    assert answer.headers["access-control-allow-origin"] == PAGE
