"""Further thumbnails of an upload that exists: `POST /{id}`, its wishes, and their jobs."""

import io
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from PIL import Image

from quickthumb.bury import bury
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest
from quickthumb.documents.rendition import MOST_THUMBNAILS
from quickthumb.documents.wish import Wish
from quickthumb.messaging import Message
from quickthumb.options import parse_allowed, parse_renditions
from quickthumb.policy import Policy
from quickthumb.problems import Corrupt, InvalidMessage, Unavailable
from quickthumb.resize import resize
from quickthumb.sweep import sweep
from quickthumb.sweeping.sweeper import Sweeper
from tests.doubles import MemoryTopic
from tests.pictures import picture, size_of
from tests.service import Service, expect_problem

UNKNOWN = "0" * 32


@pytest.fixture
def service():
    return Service()


def wishes(service):
    return sorted(name for name in service.processed.blobs if name.endswith(".wish"))


def names(service, id):
    return [thumb.name for thumb in service.store.results.manifest(id).thumbnails]


def noise():
    """Return a picture that takes many bytes at any quality."""
    out = io.BytesIO()
    Image.frombytes("RGB", (120, 90), random.Random(1).randbytes(120 * 90 * 3)).save(out, "JPEG")
    return out.getvalue()


def deliver(service, message, attempt=1, completed=None):
    body, attributes = message
    needs = (service.store, completed or MemoryTopic(), service.settings, service.kitchen)
    resize(Message(body, attributes, "1", attempt), *needs)


POLICY = Policy()


def swept(service, policy=POLICY, *, dry_run=False, **later):
    """Sweep after some time; return the report."""
    needs = (service.store, service.uploads, MemoryTopic(), policy, ())
    at = datetime.now(UTC) + timedelta(**later)
    sweeper = Sweeper(*needs, dry_run=dry_run, now=lambda: at)
    return sweep(sweeper)


def test_more_sizes_join_those_of_the_upload(service):
    id = service.done(data={"sizes": "32"})
    answer = service.http.post(f"/{id}?sizes=16,24")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/{id}"
    assert answer.json() == {
        "id": id,
        "status": "queued",
        "links": {"self": f"/{id}", "thumbnails": {"16": f"/{id}/16", "24": f"/{id}/24"}},
    }
    assert wishes(service) == [f"{id}/16.wish", f"{id}/24.wish"]
    service.work()
    assert not wishes(service)
    assert list(service.http.get(f"/{id}").json()["thumbnails"]) == ["32", "16", "24"]
    assert max(size_of(service.http.get(f"/{id}/16").content)) == 16


def test_options_come_in_a_json_body_too(service):
    id = service.done(data={"sizes": "32"})
    options = {"sizes": [16], "fit": "cover", "gravity": "smart", "format": "webp", "quality": 70}
    answer = service.http.post(f"/{id}", json=options)
    assert [*answer.json()["links"]["thumbnails"]] == ["16-cover-smart-webp-q70"]
    service.work()
    thumb = service.http.get(f"/{id}/16-cover-smart-webp-q70")
    assert (thumb.headers["content-type"], size_of(thumb.content)) == ("image/webp", (16, 16))


def test_what_is_there_is_not_made_again(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    service.work()
    before = dict(service.processed.blobs)
    answer = service.http.post(f"/{id}?sizes=16,32")
    assert (answer.status_code, answer.json()["status"]) == (200, "done")
    assert service.uploads.messages == []
    assert service.processed.blobs == before


def test_without_options_the_default_thumbnails_are_made_that_are_missing():
    service = Service()
    id = service.done(data={"sizes": "32"})
    later = Service(renditions=parse_renditions("small:20"), sizes=())
    later.originals.blobs, later.processed.blobs = service.originals.blobs, service.processed.blobs
    assert [*later.http.post(f"/{id}").json()["links"]["thumbnails"]] == ["small"]
    later.work()
    assert later.http.get(f"/{id}/small").status_code == 200


def test_a_size_that_the_upload_made_otherwise_gets_a_name_that_tells_its_fit(service):
    id = service.done(data={"sizes": "32", "fit": "cover"})
    links = service.http.post(f"/{id}?sizes=32").json()["links"]["thumbnails"]
    assert list(links) == ["32-contain"]
    service.work()
    assert size_of(service.http.get(f"/{id}/32").content) == (32, 32)
    assert size_of(service.http.get(f"/{id}/32-contain").content) != (32, 32)


def test_options_without_effect_do_not_make_another_thumbnail(service):
    id = service.done(data={"sizes": "32"})
    answer = service.http.post(f"/{id}?sizes=32&gravity=smart&focus=0.5,0.5")
    assert answer.status_code == 200


def test_an_upload_that_has_not_ended_grows_too_and_whichever_job_is_first(service):
    for order in (1, -1):
        id = service.post(data={"sizes": "32"}).json()["id"]
        answer = service.http.post(f"/{id}?sizes=16")
        assert answer.status_code == 202
        assert expect_problem(service.http.get(f"/{id}/16"), 404, "not-ready")
        for message in service.uploads.messages[::order]:
            deliver(service, message)
        service.uploads.messages.clear()
        assert names(service, id) == ["32", "16"]
        assert not wishes(service)


def test_what_an_upload_that_has_not_ended_requests_anyway_is_no_wish(service):
    id = service.post(data={"sizes": "32"}).json()["id"]
    assert service.http.post(f"/{id}?sizes=32").status_code == 202
    assert not wishes(service)


def test_two_jobs_at_once_both_end_up_in_the_manifest(service):
    id = service.done(data={"sizes": "32"})
    for size in (16, 24):
        service.http.post(f"/{id}?sizes={size}")
    first, second = service.uploads.messages
    service.uploads.messages.clear()
    write = service.processed.write

    def interrupted(name, *args, **kwargs):
        if name.endswith("manifest.json"):
            service.processed.write = write
            deliver(service, second)
        return write(name, *args, **kwargs)

    service.processed.write = interrupted
    deliver(service, first)
    assert names(service, id) == ["32", "24", "16"]
    assert not wishes(service)


def test_the_event_is_published_again_with_all_thumbnails(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    completed = MemoryTopic()
    deliver(service, service.uploads.messages.pop(), completed=completed)
    [(body, attributes)] = completed.messages
    assert attributes["state"] == "done"
    assert [thumb["name"] for thumb in json.loads(body)["thumbnails"]] == ["32", "16"]


def test_the_applications_own_data_stays_with_an_upload_that_grows(service):
    id = service.done(data={"sizes": "32", "metadata": '{"album": "7"}'})
    assert service.http.post(f"/{id}?sizes=16").json()["metadata"] == {"album": "7"}
    completed = MemoryTopic()
    deliver(service, service.uploads.messages.pop(), completed=completed)
    assert service.http.get(f"/{id}").json()["metadata"] == {"album": "7"}
    assert json.loads(completed.messages[0][0])["metadata"] == {"album": "7"}


def test_links_of_events_are_those_of_the_status():
    service = Service(public_url="https://thumbs.example")
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16&format=negotiate")
    completed = MemoryTopic()
    while service.uploads.messages:
        deliver(service, service.uploads.messages.pop(), completed=completed)
    links = json.loads(completed.messages[-1][0])["links"]["thumbnails"]
    shown = service.http.get(f"/{id}").json()["links"]["thumbnails"]
    assert links == {name: f"https://thumbs.example{path}" for name, path in shown.items()}
    assert "16" in links


def test_a_job_that_is_delivered_again_decodes_nothing_and_publishes_the_event(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    [message] = service.uploads.messages
    deliver(service, message)
    service.kitchen = None  # no decoder
    completed = MemoryTopic()
    deliver(service, message, attempt=2, completed=completed)
    assert len(completed.messages) == 1


def test_an_unknown_or_deleted_upload_gets_none(service):
    id = service.done()
    service.http.delete(f"/{id}")
    for gone in (id, UNKNOWN, "nonsense"):
        expect_problem(service.http.post(f"/{gone}?sizes=16"), 404, "not-found")


def test_an_upload_that_failed_gets_none(service):
    id = service.post().json()["id"]
    job = Job.from_json(service.uploads.messages.pop()[0])
    service.store.results.put(Manifest.failed(job, Corrupt("It is damaged.")))
    expect_problem(service.http.post(f"/{id}?sizes=16"), 409, "upload-failed")
    assert not wishes(service)


def test_an_upload_without_its_original_gets_none(service):
    id = service.done(data={"sizes": "32"})
    service.originals.delete(id)
    expect_problem(service.http.post(f"/{id}?sizes=16"), 410, "original-gone")
    assert service.http.get(f"/{id}/32").status_code == 200


def test_an_upload_whose_original_is_about_to_be_dropped_gets_none(service):
    id = service.done(data={"sizes": "32"})
    kept = service.store.results.read(id)
    service.store.results.put(kept.end.as_dropped(), kept)
    expect_problem(service.http.post(f"/{id}?sizes=16"), 410, "original-gone")


def test_an_original_that_goes_after_the_request_does_not_delete_the_upload(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    service.originals.delete(id)
    service.work()
    assert service.http.get(f"/{id}").json()["status"] == "done"
    assert service.http.get(f"/{id}/32").status_code == 200
    expect_problem(service.http.get(f"/{id}/16"), 410, "original-gone")


def test_an_upload_that_is_deleted_meanwhile_keeps_nothing(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    [message] = service.uploads.messages
    service.http.delete(f"/{id}")
    deliver(service, message)
    assert list(service.processed.blobs) == [f"{id}/manifest.json"]
    expect_problem(service.http.get(f"/{id}/16"), 404, "not-found")


def test_a_thumbnail_that_cannot_be_made_says_why_and_spares_the_others(service):
    answer = service.http.post("/?sizes=32", content=noise())
    service.work()
    id = answer.json()["id"]
    answer = service.http.post(f"/{id}?sizes=120&max_bytes=1000&format=png")
    service.work()
    [link] = answer.json()["links"]["thumbnails"].values()
    expect_problem(service.http.get(link), 422, "cannot-fit")
    assert service.http.get(f"/{id}").json()["status"] == "done"


def test_there_is_a_limit_to_the_thumbnails_of_an_upload():
    service = Service(on_demand=parse_allowed("24"))
    id = service.done(data={"sizes": "32"})
    kept = service.store.results.read(id)
    [thumb] = kept.end.thumbnails
    many = tuple(replace(thumb, name=f"t{n}") for n in range(MOST_THUMBNAILS))
    service.store.results.put(replace(kept.end, thumbnails=many), kept)
    expect_problem(service.http.post(f"/{id}?sizes=16"), 409, "too-many-thumbnails")
    expect_problem(service.http.get(f"/{id}/24"), 409, "too-many-thumbnails")
    assert not wishes(service)


def test_an_upload_that_cannot_be_read_gets_no_further_thumbnails(service):
    unreadable = {"renditions": "nonsense"}
    service.originals.create(UNKNOWN, picture(), "image/jpeg", unreadable)
    assert service.http.get(f"/{UNKNOWN}").json()["status"] == "queued"
    expect_problem(service.http.post(f"/{UNKNOWN}?sizes=16"), 409, "upload-failed")
    assert not wishes(service)


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?sizes=5000", b"", "invalid-option"),
        ("?size=16", b"", "invalid-option"),
        ("?sizes=16&sizes=24", b"", "invalid-option"),
        ("", b'{"sizes": [16], "fit": "stretch"}', "invalid-option"),
        ("", b'{"size": 16}', "invalid-option"),
        ("", b"\xff\xd8 a picture", "bad-request"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_looked_up(service, query, body, code):
    service.processed.broken = service.originals.broken = True
    expect_problem(service.http.post(f"/{UNKNOWN}{query}", content=body), 400, code)


def test_more_thumbnails_need_the_key_that_uploads_need():
    service = Service(api_keys=("0" * 64,))
    expect_problem(service.http.post(f"/{UNKNOWN}?sizes=16"), 401, "unauthorized")


def test_if_the_job_cannot_be_published_the_wish_is_taken_back(service):
    id = service.done(data={"sizes": "32"})
    service.uploads.broken = True
    expect_problem(service.http.post(f"/{id}?sizes=16"), 503, "unavailable")
    assert not wishes(service)


def test_a_wish_that_somebody_else_relies_on_is_not_taken_back(service):
    id = service.done(data={"sizes": "32"})
    publish = service.uploads.publish

    def broken_for_the_first(data, **attributes):
        service.uploads.publish = publish
        assert service.http.post(f"/{id}?sizes=16").status_code == 202
        raise Unavailable("the topic does not answer")

    service.uploads.publish = broken_for_the_first
    assert service.http.post(f"/{id}?sizes=16").status_code == 503
    assert wishes(service) == [f"{id}/16.wish"]


def test_a_sweep_publishes_a_wish_again_that_was_lost(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    service.uploads.messages.clear()
    assert swept(service, minutes=10).published == 0
    assert swept(service, minutes=20).published == 1
    assert swept(service, minutes=20).published == 0  # counted: the next pause is longer
    service.work()
    assert names(service, id) == ["32", "16"]
    assert not wishes(service)


def test_a_wish_that_kills_every_delivery_is_given_up_and_the_upload_stays_done(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    while service.uploads.messages:
        body, attributes = service.uploads.messages.pop()
        bury(Message(body, attributes, "1", 1), service.store, MemoryTopic())
        assert service.http.get(f"/{id}").json()["status"] == "done"
        expect_problem(service.http.get(f"/{id}/16"), 422, "gave-up")
        swept(service, days=30)
    wish = service.store.wishes.read(id, "16").wish
    assert wish.over
    assert wish.tries == Policy().attempts
    assert swept(service, days=60).changed == 0


def test_asking_again_tries_again_what_was_given_up(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    body, attributes = service.uploads.messages.pop()
    bury(Message(body, attributes, "1", 1), service.store, MemoryTopic())
    assert service.http.post(f"/{id}?sizes=16").status_code == 202
    service.work()
    assert service.http.get(f"/{id}/16").status_code == 200


def test_if_pubsub_does_not_answer_a_sweep_counts_nothing(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    service.uploads.broken = True
    with pytest.raises(Unavailable):
        swept(service, minutes=20)
    assert service.store.wishes.read(id, "16").wish.tries == 0


def test_a_sweep_keeps_the_original_that_a_wish_needs(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    assert swept(service, Policy(drop_seconds=1), minutes=20).dropped == 0
    assert id in service.originals.blobs


def test_a_dry_run_changes_nothing(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    service.uploads.messages.clear()
    before = dict(service.processed.blobs)
    assert swept(service, dry_run=True, days=2).published == 1
    assert (service.uploads.messages, service.processed.blobs) == ([], before)


def test_a_wish_that_cannot_be_read_is_removed(service):
    id = service.done(data={"sizes": "32"})
    service.processed.create(f"{id}/16.wish", b"nonsense", "application/json", {})
    assert swept(service, minutes=20).removed == 1
    assert not wishes(service)


def test_thumbnails_that_no_manifest_names_go_but_wishes_stay(service):
    id = service.done(data={"sizes": "32"})
    service.http.post(f"/{id}?sizes=16")
    wish = service.store.wishes.read(id, "16")
    service.store.wishes.put(wish.wish.failed(Failure("cannot-fit", "No.")), wish)
    service.processed.create(f"{id}/99.jpg", b"left over", "image/jpeg", {})
    assert swept(service, days=3).removed == 1
    assert sorted(service.processed.blobs) == [
        f"{id}/16.wish",
        f"{id}/32.jpg",
        f"{id}/manifest.json",
    ]


def test_wishes_and_jobs_are_read_as_they_were_written():
    job = Job(UNKNOWN, "b", UNKNOWN, 7, parse_renditions("a:16"), 9, grows=True)
    wish = Wish.of(job, job.renditions[0])
    assert Wish.from_json(wish.to_json()) == wish
    assert wish.job("b") == job
    assert Job.from_json(job.to_json()) == job


def test_versions_that_know_no_wishes_refuse_their_jobs():
    job = Job(UNKNOWN, "b", UNKNOWN, 7, parse_renditions("a:16"), 9, grows=True)
    document = json.loads(job.to_json())
    del document["wishes"]
    with pytest.raises(InvalidMessage, match="renditions is missing"):
        Job.from_json(json.dumps(document).encode())
