"""Which fields of a form are options, which are metadata, and where they lead to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.api.fields import read_fields
from quickthumb.documents.manifest import Failure, Manifest
from quickthumb.documents.names import is_id
from quickthumb.options import OPTIONS, Menu, parse_renditions
from quickthumb.problems import InvalidMetadata, InvalidOption
from tests.pictures import picture
from tests.service import Service, expect_problem

APP = "https://app.example.com"
MENU = Menu((), (256,))
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def service():
    return Service(cors_origins=(APP, "http://localhost:3000"))


def read(form=(), query=(), menu=MENU, origins=(APP,)):
    return read_fields(form, query, menu, origins)


def test_options_of_form_and_query_are_told_from_metadata():
    fields = read(
        [("sizes", "64"), ("metadata[album]", "7"), ("relativePath", "null"), ("name", "a.jpg")],
        [("fit", "cover"), ("metadata[user]", "ada")],
    )
    assert fields.options == (("sizes", "64"), ("fit", "cover"))
    assert fields.metadata == {
        **{"album": "7", "user": "ada"},
        **{"relativePath": "null", "name": "a.jpg"},
    }
    assert fields.next is None


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_left_empty_in_a_form_is_not_given(option):
    assert read([(option, "")]).options == ()
    assert read([], [(option, "")]).options == ((option, ""),)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("size", "sizes"), ("Sizes", "sizes"), ("formt", "format"), ("qualtiy", "quality")),
        *(("maxBytes", "max_bytes"), ("max-bytes", "max_bytes"), ("fits", "fit")),
        *(("backgroud", "background"), ("metdata", "metadata"), ("gravty", "gravity")),
        *(("focus_", "focus"), ("FORMAT", "format")),
    ],
)
def test_a_mistyped_name_does_not_become_metadata(name, meant):
    with pytest.raises(InvalidOption, match=f"did you mean {meant}\\?") as caught:
        read([(name, "x")])
    assert caught.value.field == name
    assert read([(f"metadata[{name}]", "x")]).metadata == {name: "x"}


@pytest.mark.parametrize(
    "name",
    [
        *("name", "type", "relativePath", "filepond", "files", "file", "title", "caption", "user"),
        *("dzuuid", "dztotalfilesize", "dzchunkindex", "qqfilename", "resumableChunkSize", "tags"),
        *("csrf_token", "_token", "album", "description", "filename", "lastModified", "id"),
        *("color", "x"),
    ],
)
def test_fields_of_widgets_and_applications_resemble_no_option(name):
    assert read([(name, "text")]).metadata == {name: "text"}


def test_a_query_parameter_that_is_no_option_is_one_that_is_unknown(service):
    problem = expect_problem(service.post(params={"album": "7"}), 400, "invalid-option")
    assert "Unknown option 'album'" in problem["detail"]


def test_where_there_are_no_options_no_name_is_mistyped():
    menu = Menu(parse_renditions("small:64"), (), only=True)
    assert read([("size", "x")], menu=menu).metadata == {"size": "x"}


def test_metadata_is_within_its_bounds_whatever_its_fields_are_called():
    for form in (
        [("a", "1"), ("a", "2")],
        [("a", "1"), ("metadata[a]", "2")],
        [("a b", "1")],
        [("a", "x" * 3_000)],
    ):
        with pytest.raises(InvalidMetadata):
            read(form)


@given(
    st.lists(st.tuples(st.text(max_size=80), st.text(max_size=40)), max_size=4),
    st.lists(st.tuples(st.text(max_size=80), st.text(max_size=40)), max_size=2),
)
def test_any_fields_are_read_or_refused_with_a_sentence(form, query):
    try:
        read(form, query)
    except (InvalidMetadata, InvalidOption) as error:
        assert str(error).endswith(".")


# Widgets.


def test_a_file_may_be_in_any_field_and_its_fields_are_metadata(service):
    files = [("filepond", (None, "{}")), ("filepond", ("cat.jpg", picture(), "image/jpeg"))]
    answer = service.http.post("/", files=files)
    assert answer.status_code == 202, answer.text
    assert answer.json()["metadata"] == {"filepond": "{}"}


def test_a_file_input_without_a_file_is_ignored(service):
    head = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="%s"\r\n\r\n%s\r\n'
    empty, chosen = head % (b"", b""), head % (b"cat.jpg", picture())
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = service.http.post("/", content=empty + chosen + empty + b"--b--", headers=headers)
    assert answer.status_code == 202
    assert "uploads" not in answer.json()
    answer = service.http.post("/", content=empty + b"--b--", headers=headers)
    expect_problem(answer, 400, "no-file")


@pytest.mark.parametrize("option", ["sizes", "metadata", "next"])
def test_an_option_that_is_sent_as_a_file_is_told(service, option):
    files = {"file": ("cat.jpg", picture()), option: (option, "64")}
    problem = expect_problem(service.http.post("/", files=files), 400, "bad-request")
    assert problem["field"] == option
    assert "without a file name" in problem["detail"]


def test_an_upload_is_deleted_by_what_answered_it(service):
    for receipt in (lambda answer: answer.text, lambda answer: answer.json()["id"]):
        answer = service.post()
        deleted = service.http.request("DELETE", "/", content=receipt(answer))
        assert deleted.status_code == 204
        assert service.http.get(answer.headers["location"]).status_code == 404


def test_what_names_no_upload_deletes_nothing(service):
    id = service.done()
    for body in (b"", b"x", b"[]", b'{"id": 5}', b'{"id"', b"\xff", id.upper().encode() + b"0"):
        expect_problem(service.http.request("DELETE", "/", content=body), 400, "bad-request")
    for body in ("0" * 32, '{"id": "x"}'):
        expect_problem(service.http.request("DELETE", "/", content=body), 404, "not-found")
    answer = service.http.request("DELETE", "/", content=id, headers={"if-match": '"x"'})
    expect_problem(answer, 412, "precondition-failed")
    assert service.http.get(f"/{id}").status_code == 200


def test_an_upload_is_deleted_by_its_answer_only_with_a_key():
    service = Service(api_keys=("0" * 64,))
    expect_problem(service.http.request("DELETE", "/", content="0" * 32), 401, "unauthorized")


# Plain forms.


def gone_on(answer):
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["location"]


def test_a_form_of_a_browser_leads_to_a_page_with_its_thumbnails(service):
    location = gone_on(
        service.post(headers=BROWSER, data={"sizes": "", "fit": ""}, follow_redirects=False)
    )
    path, _, id = location.partition("?id=")
    assert path == "/uploaded"
    assert is_id(id)
    page = service.http.get(location, headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert f'<img src="/{id}/256?wait=30"' in page.text
    service.work()
    assert service.http.get(location).text == page.text


def test_a_program_gets_json_unless_it_names_a_page(service):
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.5"):
        assert service.post(headers={"accept": accept}).status_code == 202
    raw = service.http.post("/", content=picture(), headers=BROWSER)
    assert raw.status_code == 202


@pytest.mark.parametrize(
    ("page", "location"),
    [
        (APP, f"{APP}?id="),
        (f"{APP}/done", f"{APP}/done?id="),
        (f"{APP}/done?album=7#top", f"{APP}/done?album=7&id="),
        ("http://localhost:3000/", "http://localhost:3000/?id="),
    ],
)
@pytest.mark.parametrize("where", ["data", "params"])
def test_a_form_leads_to_the_page_that_it_names(service, page, location, where):
    found = gone_on(service.post(follow_redirects=False, **{where: {"next": page}}))
    assert found.startswith(location)
    assert found.endswith("#top") == ("#" in page)
    assert is_id(found.removeprefix(location).partition("#")[0])


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://app.example.com\\@evil.example/",
        "https://app.example.com:8443/",
        "https://app.example.com%2f@evil.example/",
        "http://app.example.com/",
        "//evil.example/",
        "/\\evil.example/",
        "/done",
        "javascript:alert(1)",
        "https://app.example.com/\r\nSet-Cookie: a=b",
        "https://app.example.com/\tx",
        "https://app.example.com/" + "x" * 2_000,
        " https://app.example.com/",
        "https://app.example.com/é",
    ],
)
def test_a_form_leads_to_no_other_page(service, page):
    problem = expect_problem(service.post(data={"next": page}), 400, "invalid-option")
    assert problem["field"] == "next"
    assert not service.originals.blobs


def test_a_form_leads_nowhere_if_scripts_of_every_origin_are_allowed():
    for origins in ((), ("*",)):
        service = Service(cors_origins=origins)
        expect_problem(service.post(data={"next": f"{APP}/"}), 400, "invalid-option")


def test_a_form_names_one_page(service):
    answer = service.post(data={"next": f"{APP}/"}, params={"next": f"{APP}/"})
    assert "given twice" in expect_problem(answer, 400, "invalid-option")["detail"]
    assert service.post(data={"next": ""}).status_code == 202


def test_a_page_gets_the_ids_of_all_pictures_that_were_accepted(service):
    files = [("file", ("a.jpg", picture())), ("file", ("b", b"x")), ("file", ("c.jpg", picture()))]
    arguments = {"data": {"next": f"{APP}/?a=b"}, "follow_redirects": False}
    location = gone_on(service.http.post("/", files=files, **arguments))
    ids = location.removeprefix(f"{APP}/?a=b&id=").split("&id=")
    assert list(map(is_id, ids)) == [True, True]


def test_a_form_without_an_accepted_picture_is_answered_with_its_problem(service):
    files = {"file": ("a.jpg", b"hello")}
    for more in ({"headers": BROWSER}, {"data": {"next": APP}}):
        expect_problem(service.http.post("/", files=files, **more), 415, "not-a-picture")


def test_a_repeated_form_leads_to_the_same_page(service):
    headers = BROWSER | {"idempotency-key": "k"}
    first, second = (gone_on(service.post(headers=headers, follow_redirects=False)) for _ in "ab")
    assert first == second


def test_the_page_says_what_it_cannot_show(service):
    queued = service.post(data={"sizes": "16,32"}).json()["id"]
    failed = service.post().json()["id"]
    failure = Failure("corrupt", "It ends <early>.")
    service.store.results.put(Manifest(failed, failed, 1, failure=failure))
    page = service.http.get("/uploaded", params={"id": [queued, failed, "<b>", "0" * 32]}).text
    assert page.count("<img ") == 2
    assert "It ends &lt;early&gt;." in page
    assert "There is no upload &#x27;&lt;b&gt;&#x27;." in page
    assert f"There is no upload &#x27;{'0' * 32}&#x27;." in page


@pytest.mark.parametrize("count", [0, 21])
def test_the_page_shows_some_uploads(service, count):
    answer = service.http.get("/uploaded", params={"id": ["0" * 32] * count})
    assert expect_problem(answer, 400, "invalid-option")["field"] == "id"
