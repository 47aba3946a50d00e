import threading
import time

import pytest

from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest
from quickthumb.options import parse_renditions
from quickthumb.problems import NotAPicture
from tests.doubles import left_in
from tests.pictures import picture, sideways, size_of
from tests.service import Service, expect_problem

UNKNOWN = "0" * 32


@pytest.fixture
def service():
    return Service()


def test_an_upload_is_answered_with_its_id_and_links(service):
    answer = service.post()
    assert answer.status_code == 202
    document = answer.json()
    id = document["id"]
    assert answer.headers["location"] == f"/{id}"
    assert document == {
        "id": id,
        "status": "queued",
        "links": {"self": f"/{id}", "thumbnails": {"256": f"/{id}/256"}},
    }


def test_a_raw_body_is_a_picture_too(service):
    answer = service.http.post("/?sizes=16,32", content=picture())
    assert answer.status_code == 202
    assert list(answer.json()["links"]["thumbnails"]) == ["16", "32"]


def test_a_body_sent_in_pieces_without_a_length_is_a_picture_too(service):
    data = picture()
    answer = service.http.post("/", content=iter([data[:100], data[100:]]))
    assert answer.status_code == 202


def test_several_files_are_each_judged_by_themselves(service):
    files = [("file", ("a.jpg", picture())), ("file", ("b.txt", b"hello"))]
    answer = service.http.post("/", files=files, data={"sizes": "16"})
    assert answer.status_code == 202
    accepted, refused = answer.json()["uploads"]
    assert (accepted["filename"], accepted["status"]) == ("a.jpg", "queued")
    assert (refused["filename"], refused["status"]) == ("b.txt", 415)
    assert refused["type"] == "/problems/not-a-picture"
    assert len(service.originals.blobs) == 1


def test_a_full_form_is_stored_a_few_files_at_a_time(service, monkeypatch):
    create, lock, at_work, most = service.originals.create, threading.Lock(), 0, 0

    def slow_create(*args):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.02)  # as Cloud Storage takes
        with lock:
            at_work -= 1
        return create(*args)

    monkeypatch.setattr(service.originals, "create", slow_create)
    answer = service.http.post("/", files=[("file", (f"{n}.jpg", picture())) for n in range(20)])
    assert [upload["status"] for upload in answer.json()["uploads"]] == ["queued"] * 20
    assert 1 < most <= 4


def test_several_files_of_which_none_is_accepted_are_an_error(service):
    files = [("file", ("a.txt", b"hello")), ("file", ("b.jpg", b""))]
    answer = service.http.post("/", files=files)
    assert answer.status_code == 415
    assert [verdict["status"] for verdict in answer.json()["uploads"]] == [415, 400]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b""}, 400, "no-file"),
        ({"data": {"sizes": "16"}, "files": {"x": (None, "y")}}, 400, "no-file"),
        ({"files": {"file": (None, picture())}}, 400, "no-file"),
        ({"files": {"file": (None, bytes(5_000))}}, 400, "bad-request"),
        ({"files": {"file": ("a.jpg", b"")}}, 400, "empty-file"),
        ({"files": {"photo": ("a.jpg", b"x")}}, 415, "not-a-picture"),
        ({"files": {"file": ("a.jpg", picture()), "sizes": ("sizes", "16")}}, 400, "bad-request"),
        ({"files": {"file": ("a.jpg", b"hello")}}, 415, "not-a-picture"),
        ({"content": b"hello"}, 415, "not-a-picture"),
        (
            {"content": picture(), "headers": {"content-encoding": "gzip"}},
            415,
            "unsupported-encoding",
        ),
        ({"files": {"file": ("a.jpg", bytes(60_000))}}, 413, "too-large"),
        ({"content": bytes(60_000)}, 413, "too-large"),
        ({"content": iter([bytes(60_000)] * 100)}, 413, "too-large"),
        ({"content": bytes(200_000)}, 413, "too-large"),
        ({"files": [("file", (f"{n}.jpg", b"x")) for n in range(21)]}, 400, "bad-request"),
        (
            {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "bad-request",
        ),
        (
            {
                "content": b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"'
                b"\r\n\r\nno closing boundary",
                "headers": {"content-type": "multipart/form-data; boundary=b"},
            },
            400,
            "bad-request",
        ),
    ],
)
def test_an_invalid_request_gets_its_problem_and_stores_nothing(service, request_, status, code):
    expect_problem(service.http.post("/", **request_), status, code)
    assert not service.originals.blobs
    assert not service.uploads.messages


def test_a_wrong_option_is_refused_with_its_field(service):
    problem = expect_problem(service.post(data={"fit": "crop"}), 400, "invalid-option")
    assert problem["field"] == "fit"
    assert "contain or cover" in problem["detail"]


@pytest.mark.parametrize("part", ["originals", "uploads"])
def test_uploads_get_503_during_an_outage(service, part):
    getattr(service, part).broken = True
    answer = service.post()
    expect_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert not service.originals.blobs


def test_a_status_goes_from_queued_to_done(service):
    id = service.post(params={"sizes": "16"}).json()["id"]
    assert service.http.get(f"/{id}").json()["status"] == "queued"
    service.work()
    answer = service.http.get(f"/{id}")
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["status"] == "done"
    assert document["original"]["width"] == 64
    thumb = document["thumbnails"]["16"]
    assert (thumb["href"], thumb["width"], thumb["height"]) == (f"/{id}/16", 16, 12)
    assert thumb["content_type"] == "image/jpeg"


def test_a_thumbnail_is_served_for_ever(service):
    id = service.post(params={"sizes": "16"}).json()["id"]
    service.work()
    answer = service.http.get(f"/{id}/16")
    assert answer.status_code == 200
    assert size_of(answer.content) == (16, 12)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    etag = answer.headers["etag"]
    for tags in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = service.http.get(f"/{id}/16", headers={"if-none-match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    lines = [("if-none-match", '"other"'), ("if-none-match", etag)]
    assert service.http.get(f"/{id}/16", headers=lines).status_code == 304
    for tags in ('"x"', '"x,*,y"', f'"x,{etag[1:-1]}"'):
        other = service.http.get(f"/{id}/16", headers={"if-none-match": tags})
        assert other.status_code == 200, tags


def test_a_thumbnail_that_is_not_made_yet_says_when_to_ask_again(service):
    id = service.post(params={"sizes": "16"}).json()["id"]
    answer = service.http.get(f"/{id}/16")
    expect_problem(answer, 404, "not-ready")
    assert answer.headers["retry-after"] == "1"


def test_a_thumbnail_that_was_not_requested_is_never_found(service):
    id = service.post(params={"sizes": "16"}).json()["id"]
    expect_problem(service.http.get(f"/{id}/99"), 404, "not-found")
    service.work()
    assert "16" in expect_problem(service.http.get(f"/{id}/99"), 404, "not-found")["detail"]


def test_the_thumbnail_of_a_failed_job_says_why_there_is_none(service):
    id = service.post().json()["id"]
    service.store.results.put(Manifest(id, id, 1, failure=Failure("corrupt", "It ends early.")))
    assert service.http.get(f"/{id}").json()["error"] == {
        "code": "corrupt",
        "detail": "It ends early.",
    }
    assert expect_problem(service.http.get(f"/{id}/256"), 422, "corrupt")


def test_a_thumbnail_of_an_invalid_file_has_the_same_status_as_its_upload(service):
    id = service.post().json()["id"]
    job = Job(id, "originals", id, 1, ())
    service.store.results.put(Manifest.failed(job, NotAPicture("It is text.")))
    expect_problem(service.http.get(f"/{id}/256"), 415, "not-a-picture")


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "utf-7", "no such"])
def test_a_form_with_any_charset_gets_a_response(service, charset):
    part = 'content-disposition: form-data; name="file"; filename="\\ud800.jpg"\r\n\r\n'
    parts = [b"--b\r\n" + part.encode() + picture() + b"\r\n"] * 2
    answer = service.http.post(
        "/",
        content=b"".join(parts) + b"--b--\r\n",
        headers={"content-type": f'multipart/form-data; boundary=b; charset="{charset}"'},
    )
    assert answer.status_code == 202
    assert len(answer.json()["uploads"]) == len(service.originals.blobs) == 2


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"files": [("file", ("a.jpg", b"x"))] * 200}, "has more than"),
        ({"data": {f"option{each}": "1" for each in range(110)}}, "has more than 100 fields"),
        ({"data": {"sizes": "1" * 5_000}}, "has an option of more than 4,096 bytes"),
        (
            {
                "content": b"--b\r\nno header here\r\n",
                "headers": {"content-type": "multipart/form-data; boundary=b"},
            },
            "is malformed",
        ),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "is malformed"),
    ],
)
def test_the_fault_of_a_form_is_named_in_words_of_our_own(service, form, fault):
    if "data" in form:
        form = form | {"files": {"file": ("a.jpg", picture())}}
    problem = expect_problem(service.http.post("/", **form), 400, "bad-request")
    assert problem["detail"].startswith(f"The multipart form {fault}")
    assert problem["detail"].count(". ") == 1


def test_several_files_get_retry_after_during_an_outage_of_storage(service):
    service.originals.broken = True
    answer = service.http.post("/", files=[("file", (name, picture())) for name in "ab"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_waiting_ends_when_the_time_is_over(service):
    id = service.post().json()["id"]
    assert service.http.get(f"/{id}?wait=0.1").json()["status"] == "queued"


def test_waiting_ends_when_the_job_does(service):
    id = service.post().json()["id"]
    look = service.originals.stat

    def work_at_the_second_look(name):
        service.originals.stat = lambda name: (service.work(), look(name))[1]
        return look(name)

    service.originals.stat = work_at_the_second_look
    assert service.http.get(f"/{id}?wait=30").json()["status"] == "done"


@pytest.mark.parametrize("wait", ["0", "-0.0", "1e-3", "1E+300", "9" * 30])
def test_a_wait_may_be_any_number_of_seconds_and_ends_at_the_limit(wait):
    service = Service(max_wait_seconds=1)
    id = service.post().json()["id"]
    assert service.http.get(f"/{id}", params={"wait": wait}).json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["soon", "-1", "1e", "nan", "inf", "1_0", ""])
def test_an_invalid_wait_is_refused(service, wait):
    assert (
        expect_problem(service.http.get(f"/{UNKNOWN}?wait={wait}"), 400, "invalid-option")["field"]
        == "wait"
    )


def test_a_deleted_upload_is_gone_and_deleting_it_again_says_so(service):
    id = service.post().json()["id"]
    service.work()
    assert service.http.delete(f"/{id}").status_code == 204
    assert not service.originals.blobs
    assert not left_in(service.processed)
    for answer in (
        service.http.delete(f"/{id}"),
        service.http.get(f"/{id}"),
        service.http.get(f"/{id}/256"),
    ):
        expect_problem(answer, 404, "not-found")


def test_deleting_an_unknown_upload_lists_nothing(service, monkeypatch):
    def unexpected(*_):
        raise AssertionError("called for an upload that is not there")

    for call in ("walk", "stat", "delete"):
        monkeypatch.setattr(service.processed, call, unexpected)
    expect_problem(service.http.delete(f"/{UNKNOWN}"), 404, "not-found")


@pytest.mark.parametrize("path", ["/nothing", f"/{UNKNOWN}", f"/{UNKNOWN}/256", "/a/b/c", "/x/"])
def test_other_paths_are_not_found(service, path):
    expect_problem(service.http.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PUT", f"/{UNKNOWN}", "DELETE, GET, HEAD, OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(service, method, path, allowed):
    answer = service.http.request(method, path)
    assert allowed in expect_problem(answer, 405, "method-not-allowed")["detail"]
    assert set(answer.headers["allow"].split(", ")) == set(allowed.split(", "))


def test_the_root_describes_the_service(service):
    document = service.http.get("/").json()
    assert document["renditions"] == [{"name": "256", "width": 256, "height": 256}]
    assert document["options"] is True
    assert document["max_upload_bytes"] == 50_000


def test_health_does_not_depend_on_other_services(service):
    service.originals.broken = service.processed.broken = True
    assert service.http.get("/health").json() == {"status": "ok"}


def test_a_bug_is_reported_as_a_problem_document(service):
    service.originals.stat = lambda name: 1 / 0
    problem = expect_problem(service.http.get(f"/{UNKNOWN}"), 500, "internal")
    assert "division" not in problem["detail"]


def test_a_job_is_what_the_message_says(service):
    id = service.post(params={"sizes": "16", "fit": "cover"}).json()["id"]
    [(body, _)] = service.uploads.messages
    job = Job.from_json(body)
    assert (job.id, job.bucket, job.name) == (id, "originals", id)
    assert job.renditions[0].fit == "cover"


def test_what_was_accepted_and_refused_is_counted_in_the_log(service, caplog):
    caplog.set_level("INFO", logger="quickthumb")
    service.post()
    service.http.post("/", content=b"no picture")
    files = [("file", picture()), ("file", b"")]
    service.http.post("/", files=files)
    told = [record.fields for record in caplog.records if hasattr(record, "fields")]
    size = len(picture())
    assert [fields["event"] for fields in told].count("accepted") == 2
    assert {"event": "accepted", "content_type": "image/jpeg", "bytes_in": size} in told
    assert {"event": "refused", "code": "not-a-picture", "status": 415} in told
    assert {"event": "refused", "code": "empty-file", "status": 400} in told


RENDITIONS = parse_renditions("small:16,cover:20x10:cover:webp")


def test_named_renditions_are_made_of_every_upload_and_found_under_their_names():
    service = Service(renditions=RENDITIONS, sizes=())
    id = service.done(data={"sizes": "8"})
    links = service.http.get(f"/{id}").json()["links"]["thumbnails"]
    assert links == {name: f"/{id}/{name}" for name in ("small", "cover", "8")}
    cover = service.http.get(links["cover"])
    assert cover.headers["content-type"] == "image/webp"
    assert size_of(cover.content) == (20, 10)


def test_a_service_with_only_named_renditions_refuses_options_anywhere():
    service = Service(renditions=RENDITIONS, sizes=(), only_renditions=True)
    answers = [
        service.post(data={"sizes": "8"}),
        service.post(params={"fit": "cover"}),
        service.http.post("/uploads", json={"size": 5, "options": {"sizes": [8]}}),
    ]
    for answer in answers:
        problem = expect_problem(answer, 400, "invalid-option")
        assert "only makes the thumbnails small, cover: remove" in problem["detail"]
    assert not service.originals.blobs
    description = service.http.get("/").json()
    assert description["options"] is False
    assert [each["name"] for each in description["renditions"]] == ["small", "cover"]
    assert list(service.post().json()["links"]["thumbnails"]) == ["small", "cover"]


def test_the_status_describes_the_original_and_has_a_placeholder(service):
    answer = service.http.post("/", content=sideways(64, 48))
    service.work()
    document = service.http.get(answer.headers["location"]).json()
    original = document["original"]
    assert (original["width"], original["height"], original["orientation"]) == (48, 64, 6)
    assert original["content_type"] == "image/jpeg"
    assert document["placeholder"]["data_uri"].startswith("data:image/")
    assert document["placeholder"]["color"].startswith("#")
