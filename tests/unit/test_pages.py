"""The pages, their files, and the documents about the API."""

import gzip
import re
from itertools import chain

import pytest

from quickthumb.api.content import ASSETS
from quickthumb.api.pages import STORAGE_URL
from quickthumb.problems import PROBLEMS, NotFound
from tests.openapi import Contract
from tests.service import SETTINGS, Service
from tests.vendored import SWAGGER_UI

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.fixture
def http():
    return Service().http


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/*", "text/html, */*;q=0.1"])
def test_a_browser_gets_the_page(http, accept):
    answer = http.get("/", headers={"accept": accept})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>QuickThumb</title>" in answer.text
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "", "image/png", "text/html;q=0", "\xff, ;q=x,,/"]
)
def test_a_program_gets_json(http, accept):
    answer = http.get("/", headers={"accept": accept.encode("latin-1")})
    assert answer.json()["links"]["docs"] == "/docs"
    assert "Accept" in answer.headers["vary"]


def policy(page):
    """Return the content security policy of a page: sources by directive."""
    directives = page.headers["content-security-policy"].split("; ")
    return {name: sources for name, *sources in map(str.split, directives)}


PAGES = [("/", BROWSER, [STORAGE_URL]), ("/docs", "*/*", [])]


@pytest.mark.parametrize(("path", "accept", "connect"), PAGES)
def test_a_page_allows_nothing_from_elsewhere(http, path, accept, connect):
    page = http.get(path, headers={"accept": accept})
    allowed = policy(page)
    assert allowed.pop("default-src") == ["'none'"]
    assert allowed.pop("connect-src") == ["'self'", *connect]
    assert set(chain(*allowed.values())) == {"'self'", "'none'", "blob:", "data:"}
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


def test_the_page_may_send_large_uploads_to_where_the_settings_say():
    service = Service(sessions_url="https://storage.example")
    page = service.http.get("/", headers={"accept": BROWSER})
    assert policy(page)["connect-src"] == ["'self'", "https://storage.example"]


def files_of(http, path, accept):
    """Return the links of all files that a page needs, also those that its modules import."""
    page = http.get(path, headers={"accept": accept}).text
    links = list(dict.fromkeys(re.findall(r'(?:src|href)="(/web/[^"]+)"', page)))
    for link in links:
        if ".js" in link and "swagger" not in link:
            imported = re.findall(r'(?:from |import\()"\./([^"]+)"', http.get(link).text)
            links += [f"/web/{name}" for name in imported if f"/web/{name}" not in links]
    return links


@pytest.mark.parametrize(("path", "accept"), [(path, accept) for path, accept, _ in PAGES])
def test_every_file_that_a_page_needs_is_there_and_cached_forever(http, path, accept):
    links = files_of(http, path, accept)
    assert len(links) >= 3
    for link in links:
        answer = http.get(link)
        assert answer.status_code == 200, link
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", link


def test_the_page_and_all_its_files_have_less_than_60_kilobytes(http):
    page = http.get("/", headers={"accept": BROWSER}).content
    files = [http.get(link).content for link in files_of(http, "/", BROWSER)]
    assert len(page) + sum(map(len, files)) < 60_000


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_a_file_has_its_type_and_is_asked_for_again_where_its_link_does_not_name_it(http, name):
    answer = http.get(f"/web/{name}")
    assert answer.headers["content-type"] == ASSETS[name]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    tag = answer.headers["etag"]
    for known in (tag, f'"other", {tag}', "*"):
        again = http.get(f"/web/{name}", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
    stale = http.get(f"/web/{name}?v=old", headers={"if-none-match": '"other"'})
    assert stale.status_code == 200
    assert stale.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip;q=0.5", "identity", "gzip;q=0"])
def test_a_file_is_the_same_compressed_or_not(http, encoding):
    answer = http.get("/web/swagger-ui.css", headers={"accept-encoding": encoding})
    compressed = encoding not in ("identity", "gzip;q=0")
    assert answer.headers.get("content-encoding") == ("gzip" if compressed else None)
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.content == SWAGGER_UI.read("swagger-ui.css")
    if compressed:
        assert len(gzip.compress(answer.content)) >= int(answer.headers["content-length"])


@pytest.mark.parametrize(
    "path",
    ["/web/nothing.js", "/web/docs.html", "/web/LICENSE", "/web/..%2Fpages.py", "/problems/x"],
)
def test_other_paths_have_no_page(http, path):
    assert http.get(path).json()["code"] == "not-found"


def test_the_type_of_a_problem_leads_to_its_meaning(http):
    problem = http.get("/nothing").json()
    answer = http.get(problem["type"])
    assert answer.json()["detail"] == NotFound.meaning


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_problem_has_a_page(http, code):
    problem = PROBLEMS[code]
    answer = http.get(f"/problems/{code}")
    assert answer.status_code == 200
    assert answer.json() == {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": problem.status,
        "code": code,
        "detail": problem.meaning,
    }


def test_the_openapi_document_is_served_and_cached(http):
    answer = http.get("/openapi.json")
    assert answer.json() == Contract(SETTINGS).document
    again = http.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
