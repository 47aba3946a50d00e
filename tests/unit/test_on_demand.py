"""Thumbnails that are made when somebody first asks for their address."""

import hashlib
import hmac
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from starlette.requests import Request

from quickthumb.api import thumbnails
from quickthumb.api.on_demand import OnDemand
from quickthumb.api.signatures import canonical, sign
from quickthumb.documents.rendition import Rendition
from quickthumb.documents.spelled import spelled
from quickthumb.options import parse_allowed
from quickthumb.problems import NotAllowed
from tests.doubles import MemoryKitchen
from tests.pictures import size_of
from tests.service import Service, expect_problem
from tests.settings import settings_with

KEY, OTHER = "k" * 32, "o" * 40
ALLOWED = parse_allowed("24,20x10:cover:webp")


@pytest.fixture
def service():
    return Service(on_demand=ALLOWED, signing_keys=(KEY, OTHER), max_wait_seconds=10)


def signed(path, key=KEY, **query):
    """Return an address with its signature."""
    given = "&".join(f"{name}={text}" for name, text in query.items())
    return f"{path}?{given}&signature={sign(key, path, query.items())}".replace("?&", "?")


@contextmanager
def at_work(service):
    """Do jobs as they come."""
    over = threading.Event()

    def work():
        while not over.is_set():
            service.work()
            time.sleep(0.005)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Counting(MemoryKitchen):
    """A kitchen that counts what it decodes."""

    decoded = 0

    def render(self, data, renditions):
        self.decoded += 1
        return super().render(data, renditions)


def untouchable(service):
    """Let every call to storage or Pub/Sub fail."""
    service.originals.broken = service.processed.broken = service.uploads.broken = True


def test_a_listed_size_is_made_on_the_first_request_and_kept(service):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        first = service.http.get(f"/{id}/24")
    assert (first.status_code, max(size_of(first.content))) == (200, 24)
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = service.http.get(f"/{id}/24")
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert "24" in service.http.get(f"/{id}").json()["thumbnails"]


def test_an_address_tells_size_format_and_options(service):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        listed = service.http.get(f"/{id}/20x10.webp?fit=cover")
        free = service.http.get(signed(f"/{id}/18x12.png", fit="cover", gravity="smart"))
    assert (listed.headers["content-type"], size_of(listed.content)) == ("image/webp", (20, 10))
    assert (free.headers["content-type"], size_of(free.content)) == ("image/png", (18, 12))


@pytest.mark.parametrize("address", ["18x12", "18x12.png", "18", "18.png"])
def test_the_links_of_the_status_need_no_signature(service, address):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        made = service.http.get(signed(f"/{id}/{address}"))
    links = service.http.get(f"/{id}").json()["links"]["thumbnails"]
    assert len(links) == 2
    [link] = [link for name, link in links.items() if name != "32"]
    assert service.http.get(link).content == made.content


def test_the_link_of_all_formats_of_an_address_needs_no_signature(service):
    id = service.done(data={"sizes": "32"})
    address = signed(f"/{id}/18x12", format="negotiate")
    with at_work(service):
        for media_type in ("image/avif", "image/webp", "image/jpeg"):
            assert service.http.get(address, headers={"Accept": media_type}).status_code == 200
    links = service.http.get(f"/{id}").json()["links"]["thumbnails"]
    assert len(links) == 5
    assert {service.http.get(link).status_code for link in links.values()} == {200}


def test_fifty_requests_at_once_decode_once():
    service = Service(on_demand=ALLOWED, max_wait_seconds=30)
    id = service.done(data={"sizes": "32"})
    service.kitchen = Counting(service.settings.limits)
    with at_work(service), ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: service.http.get(f"/{id}/24"), range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.content for answer in answers}) == 1
    assert service.kitchen.decoded == 1


def test_past_the_wait_it_is_not_ready(service):
    id = service.done(data={"sizes": "32"})
    answer = service.http.get(f"/{id}/24?wait=0")
    expect_problem(answer, 404, "not-ready")
    assert answer.headers["retry-after"] == "1"
    service.work()
    assert service.http.get(f"/{id}/24?wait=0").status_code == 200


def test_without_a_wait_it_waits_as_long_as_any_may(service, monkeypatch):
    waited = []

    async def at_once(look, _is_over, seconds):
        waited.append(seconds)
        return look()

    monkeypatch.setattr(thumbnails, "until", at_once)
    id = service.done(data={"sizes": "32"})
    for query in ("", "?wait=3", "?wait=99"):
        expect_problem(service.http.get(f"/{id}/24{query}"), 404, "not-ready")
    assert waited == [10, 3, 10]


def test_of_an_upload_that_has_not_ended_it_is_asked_for_afterwards(service):
    id = service.post(data={"sizes": "32"}).json()["id"]
    expect_problem(service.http.get(f"/{id}/24?wait=0"), 404, "not-ready")
    assert len(service.uploads.messages) == 1
    with at_work(service):
        assert service.http.get(f"/{id}/24").status_code == 200


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_any_of_several_keys_may_sign(service, key):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        assert service.http.get(signed(f"/{id}/18", key)).status_code == 200


def test_waiting_and_downloading_are_not_signed(service):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        answer = service.http.get(signed(f"/{id}/18") + "&wait=9&download=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="cat_18.jpg"'


@pytest.mark.parametrize(
    "address",
    [
        "18x12",
        "18.webp",
        "24?fit=cover",
        "24.gif",
        "24?fit=stretch",
        "24.webp?format=webp",
        "4097x4097",
        "20x10.webp",
        "18?signature=",
        f"18?signature={'0' * 64}",
        f"18?signature={'é' * 64}",
        "18?quality=70&signature=" + sign(KEY, "/ID/18", [("quality", "71")]),
        "18?signature=" + sign(KEY, "/ID/19"),
        "18?signature=" + sign("x" * 32, "/ID/18"),
        f"24?signature={'0' * 64}",
        f"18?signature={sign(KEY, '/ID/18')}&signature={sign(KEY, '/ID/18')}",
    ],
)
def test_what_is_neither_listed_nor_signed_is_refused_before_any_work(service, address):
    untouchable(service)
    id = "5" * 32
    answer = service.http.get(f"/{id}/{address.replace('ID', id)}")
    assert expect_problem(answer, 403, "not-allowed")["field"] == "signature"


def test_ten_thousand_guesses_are_refused_where_there_is_no_storage():
    on_demand = OnDemand(settings_with(on_demand=ALLOWED, signing_keys=(KEY, OTHER)))
    for guess in range(10_000):
        kinds = [(f"{guess % 4096 + 1}x{guess % 300 + 1}.avif", "")]
        kinds.append((str(guess % 4096 + 1), f"signature={guess:064x}"))
        kinds.append((f"{guess % 4096 + 1}", "fit=cover"))
        name, query = kinds[guess % 3]
        scope = {"type": "http", "path": f"/{'5' * 32}/{name}", "query_string": query.encode()}
        with pytest.raises(NotAllowed):
            on_demand.wanted(Request({**scope, "path_params": {"name": name}}))


def test_a_size_alone_is_the_name_of_a_thumbnail_and_needs_no_signature(service):
    id = service.done(data={"sizes": "32"})
    assert service.http.get(f"/{id}/32").status_code == 200
    assert service.http.get(f"/{id}/32?v=7").status_code == 200  # others never mattered
    expect_problem(service.http.get(f"/{id}/31"), 404, "not-found")
    expect_problem(service.http.get(f"/{id}/9999"), 404, "not-found")
    assert service.uploads.messages == []


@pytest.mark.parametrize("settings", [{}, {"on_demand": ALLOWED}, {"signing_keys": (KEY,)}])
def test_a_guess_costs_two_looks_for_wishes_and_one_more_at_the_manifest(settings, monkeypatch):
    service = Service(**settings)
    id = service.done(data={"sizes": "32"})
    calls = []
    for bucket in (service.originals, service.processed):
        for method in ("read", "stat", "fetch", "list", "walk", "create", "write"):
            if call := getattr(bucket, method, None):

                def counted(name, *rest, call=call):
                    calls.append(name)
                    return call(name, *rest)

                monkeypatch.setattr(bucket, method, counted)
    expect_problem(service.http.get(f"/{id}/31"), 404, "not-found")
    assert calls == [
        *(f"{id}/manifest.json", f"{id}/31.wish"),
        *(f"{id}/31-avif.wish", f"{id}/manifest.json"),
    ]


def test_a_service_that_allows_none_refuses_them_as_names():
    service = Service()
    id = service.done(data={"sizes": "32"})
    for name in ("24", "20x10", "20x10.webp?fit=cover", signed(f"/{id}/18").rpartition("/")[2]):
        expect_problem(service.http.get(f"/{id}/{name}"), 404, "not-found")
    assert service.uploads.messages == []


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("18.gif", {}),
        ("18.webp", {"format": "png"}),
        ("5000", {}),
        ("18", {"fit": "stretch"}),
        ("18", {"sizes": "18"}),
        ("18", {"colour": "red"}),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_any_work(service, name, query):
    untouchable(service)
    answer = service.http.get(signed(f"/{'5' * 32}/{name}", **query))
    expect_problem(answer, 400, "invalid-option")


def test_an_original_that_is_gone_is_told_and_what_is_there_is_served(service):
    id = service.done(data={"sizes": "32"})
    service.originals.delete(id)
    expect_problem(service.http.get(f"/{id}/24"), 410, "original-gone")
    assert service.http.get(f"/{id}/32").status_code == 200
    assert service.uploads.messages == []


def test_an_upload_that_does_not_exist_is_asked_for_nothing(service):
    expect_problem(service.http.get(f"/{'5' * 32}/24"), 404, "not-found")
    expect_problem(service.http.get("/nonsense/24"), 404, "not-found")
    assert not service.processed.blobs


def test_whoever_waits_publishes_a_wish_whose_first_asker_died(service, monkeypatch):
    id = service.done(data={"sizes": "32"})
    service.http.get(f"/{id}/24?wait=0")
    service.uploads.messages.clear()
    service.http.get(f"/{id}/24?wait=0")
    assert service.uploads.messages == []
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    for _ in range(3):
        service.http.get(f"/{id}/24?wait=0")
    assert len(service.uploads.messages) == 1
    service.work()
    assert service.http.get(f"/{id}/24").status_code == 200


def test_a_wish_that_cannot_be_read_is_written_again(service):
    id = service.done(data={"sizes": "32"})
    service.processed.create(f"{id}/24.wish", b"nonsense", "application/json", {})
    with at_work(service):
        assert service.http.get(f"/{id}/24").status_code == 200


def test_if_the_job_cannot_be_published_the_next_request_asks_again(service):
    id = service.done(data={"sizes": "32"})
    service.uploads.broken = True
    expect_problem(service.http.get(f"/{id}/24"), 503, "unavailable")
    service.uploads.broken = False
    with at_work(service):
        assert service.http.get(f"/{id}/24").status_code == 200


def test_head_and_conditional_requests_work_as_for_any_thumbnail(service):
    id = service.done(data={"sizes": "32"})
    with at_work(service):
        head = service.http.head(f"/{id}/24")
    assert head.status_code == 200
    unchanged = {"If-None-Match": head.headers["etag"]}
    assert service.http.get(f"/{id}/24", headers=unchanged).status_code == 304


def test_the_canonical_form_sorts_and_encodes_and_leaves_out_what_is_not_signed():
    query = [("gravity", "smart"), ("focus", "0.5,0.25"), ("wait", "9"), ("signature", "x")]
    query += [("download", "1"), ("background", "#fff aé")]
    text = canonical("/id/400x300.webp", query)
    options = "background=%23fff%20a%C3%A9&focus=0.5%2C0.25&gravity=smart"
    assert text == f"/id/400x300.webp?{options}"
    assert canonical("/id/480", [("wait", "9")]) == "/id/480"
    expected = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert sign(KEY, "/id/400x300.webp", reversed(query)) == expected


@pytest.mark.parametrize(
    ("rendition", "name"),
    [
        (Rendition("", 480, 480), "480"),
        (Rendition("", 400, 300), "400x300-contain"),
        (Rendition("", 400, 300, format="webp"), "400x300-contain-webp"),
        (Rendition("", 400, 300, "cover", "smart", "webp", 70), "400x300-cover-smart-webp-q70"),
        (Rendition("", 480, 480, gravity="smart", focus=(0.5, 0.5)), "480"),
        (Rendition("", 480, 480, "cover", "face", focus=(0.5, 0.25)), "480-cover-f0.5x0.25"),
        (
            Rendition(
                *("", 4096, 4095, "cover", "smart", "negotiate", 100, "#ffffff", 100_000_000),
                (0.1234, 0.4321),
            ),
            "4096x4095-cover-f0.1234x0.4321-negotiate-q100-bffffff-m100000000",
        ),
    ],
)
def test_a_name_tells_size_and_options(rendition, name):
    assert spelled(rendition).name == name
    assert len(spelled(rendition, in_full=True).name) <= 64
