"""Thumbnails whose format the `Accept` of a request chooses."""

import pytest
from starlette.requests import Request

from quickthumb.api.negotiation import chosen
from quickthumb.options import parse_allowed, parse_renditions
from tests.pictures import size_of
from tests.service import Service, expect_problem
from tests.unit.test_on_demand import at_work

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI_14 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
OLD = "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"


@pytest.fixture
def service():
    return Service()


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        (CHROME, "avif"),
        (SAFARI_14, "webp"),
        (OLD, "jpeg"),
        (None, "jpeg"),
        ("", "jpeg"),
        ("*/*", "jpeg"),
        ("image/*", "jpeg"),
        ("text/html", "jpeg"),
        ("image/webp;q=0.5, image/jpeg", "jpeg"),
        ("image/webp;q=0.5, image/*;q=0.4", "webp"),
        ("image/avif;q=0.1, image/webp;q=0.2", "webp"),
        ("image/avif;q=0, image/webp;q=0", "jpeg"),
        ("image/avif;q=0, */*", "jpeg"),
        ("IMAGE/AVIF", "avif"),
        ("image/avif;q=nonsense", "jpeg"),
        ("nonsense,,;;=", "jpeg"),
    ],
)
def test_the_best_format_that_a_client_names_is_chosen(accept, format):
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert chosen(Request({"type": "http", "headers": headers})) == format


def test_an_upload_makes_all_formats_and_one_link_serves_them(service):
    answer = service.post(data={"sizes": "32", "format": "negotiate"})
    id = answer.json()["id"]
    names = ["32", "32-avif", "32-webp", "32-jpeg"]
    assert list(answer.json()["links"]["thumbnails"]) == names
    service.work()
    status = service.http.get(f"/{id}").json()
    assert list(status["thumbnails"]) == names[1:]
    assert sorted(status["links"]["thumbnails"]) == sorted(names)
    tags = set()
    for accept, media_type in ((CHROME, "avif"), (SAFARI_14, "webp"), (OLD, "jpeg")):
        thumb = service.http.get(f"/{id}/32", headers={"Accept": accept})
        assert thumb.headers["content-type"] == f"image/{media_type}"
        assert thumb.headers["vary"] == "Accept"
        assert thumb.content == service.http.get(f"/{id}/32-{media_type}").content
        tags.add(thumb.headers["etag"])
    assert len(tags) == 3


def test_a_representation_is_only_the_one_that_the_client_accepts(service):
    id = service.done(data={"sizes": "32", "format": "negotiate"})
    tag = service.http.get(f"/{id}/32", headers={"Accept": CHROME}).headers["etag"]
    same = {"Accept": CHROME, "If-None-Match": tag}
    unchanged = service.http.get(f"/{id}/32", headers=same)
    assert (unchanged.status_code, unchanged.headers["vary"]) == (304, "Accept")
    other = {"Accept": OLD, "If-None-Match": tag}
    assert service.http.get(f"/{id}/32", headers=other).status_code == 200


def test_a_thumbnail_of_one_format_does_not_vary(service):
    id = service.done(data={"sizes": "32", "format": "negotiate"})
    assert "vary" not in service.http.get(f"/{id}/32-webp").headers
    assert "vary" not in service.http.get(f"/{service.done()}/256").headers


def test_what_is_not_ready_varies_too(service):
    id = service.post(data={"sizes": "32", "format": "negotiate"}).json()["id"]
    answer = service.http.get(f"/{id}/32")
    expect_problem(answer, 404, "not-ready")
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["retry-after"]
    assert "vary" not in service.http.get(f"/{id}/32-webp").headers


def test_a_named_rendition_can_be_negotiated():
    service = Service(renditions=parse_renditions("small:20:cover:negotiate"), sizes=())
    id = service.done()
    small = service.http.get(f"/{id}/small", headers={"Accept": CHROME})
    assert (small.headers["content-type"], size_of(small.content)) == ("image/avif", (20, 20))


def test_two_renditions_must_not_make_the_same_thumbnail():
    with pytest.raises(ValueError, match="the name 'small-webp' is used twice"):
        parse_renditions("small:20:negotiate,small-webp:20:webp")


@pytest.mark.parametrize(
    ("before", "options", "link"),
    [
        ("sizes=32", "sizes=16&format=negotiate", "16"),
        ("sizes=32", "sizes=16&format=negotiate&fit=cover", "16-cover"),
        ("sizes=32", "sizes=16&format=negotiate&quality=50", "16-negotiate-q50"),
        ("sizes=32", "sizes=32&format=negotiate", "32-negotiate"),
        ("sizes=32&format=negotiate&fit=cover", "sizes=32&format=negotiate", "32-contain"),
    ],
)
def test_an_upload_that_exists_can_get_negotiated_thumbnails(service, before, options, link):
    id = service.done(params=before)
    links = service.http.post(f"/{id}?{options}").json()["links"]["thumbnails"]
    assert next(iter(links)) == link
    early = service.http.get(f"/{id}/{link}")
    expect_problem(early, 404, "not-ready")
    assert early.headers["vary"] == "Accept"
    service.work()
    assert links.items() <= service.http.get(f"/{id}").json()["links"]["thumbnails"].items()
    for accept, media_type in ((CHROME, "image/avif"), (OLD, "image/jpeg")):
        thumb = service.http.get(f"/{id}/{link}", headers={"Accept": accept})
        assert thumb.headers["content-type"] == media_type
        assert thumb.headers["vary"] == "Accept"
    assert service.http.post(f"/{id}?{options}").status_code == 200


def test_what_was_asked_for_in_one_format_is_not_made_again(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16&format=webp")
    service.work()
    service.http.post(f"/{id}?sizes=16&format=negotiate")
    [wish, *_] = (name for name in service.processed.blobs if name.endswith(".wish"))
    assert "webp" not in wish
    for _ in range(2):
        expect_problem(service.http.get(f"/{id}/16"), 404, "not-ready")
        service.work_once()
    assert service.http.get(f"/{id}/16").headers["vary"] == "Accept"
    names = list(service.http.get(f"/{id}").json()["thumbnails"])
    assert names == ["32", "16-webp", "16-avif", "16-jpeg"]


def test_on_demand_only_the_format_is_made_that_somebody_accepts():
    service = Service(on_demand=parse_allowed("16:negotiate"), max_wait_seconds=10)
    id = service.done(data={"sizes": "32"})
    for accept, made in ((SAFARI_14, "webp"), (OLD, "jpeg")):
        early = service.http.get(f"/{id}/16?format=negotiate&wait=0", headers={"Accept": accept})
        expect_problem(early, 404, "not-ready")
        assert early.headers["vary"] == "Accept"
        with at_work(service):
            answer = service.http.get(f"/{id}/16?format=negotiate", headers={"Accept": accept})
        assert answer.headers["content-type"] == f"image/{made}"
        assert answer.headers["vary"] == "Accept"
    assert list(service.http.get(f"/{id}").json()["thumbnails"]) == ["32", "16-webp", "16-jpeg"]


def test_the_cors_header_and_accept_both_vary():
    service = Service(cors_origins=("https://app.example",))
    id = service.done(data={"sizes": "32", "format": "negotiate"})
    thumb = service.http.get(f"/{id}/32", headers={"Origin": "https://app.example"})
    assert {part.strip() for part in thumb.headers["vary"].split(",")} == {"Accept", "Origin"}
