"""Multipart forms as clients write them."""

import pytest

from quickthumb.documents.job import Job
from tests.pictures import picture
from tests.service import Service, expect_problem


@pytest.fixture
def service():
    return Service()


def part(disposition, data):
    return f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode() + data


def post(service, body, boundary="b", pieces=None):
    content = (
        body if pieces is None else (body[at : at + pieces] for at in range(0, len(body), pieces))
    )
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return service.http.post("/", content=content, headers=headers)


def stored_name(service):
    [(body, _)] = service.uploads.messages
    return Job.from_json(body).filename


FILE = part('name="file"; filename="a.jpg"', picture())


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="file"; filename="5%22 disk.jpg"', '5" disk.jpg'),  # browsers
        ('name="file"; filename="a%0D%0Ab.jpg"', "a\r\nb.jpg"),
        ('name="file"; filename="100%25.jpg"', "100%25.jpg"),
        (r'name="file"; filename="5\" disk.jpg"', '5" disk.jpg'),  # older curl
        ('name="file"; filename="Kätzchen.jpg"', "Kätzchen.jpg"),
        # .NET
        (
            'name=file; filename="=?utf-8?B?S8OkdHpjaGVuLmpwZw==?="; '
            "filename*=utf-8''K%C3%A4tzchen.jpg",
            "Kätzchen.jpg",
        ),
        ("name=file; filename=a.jpg; filename*=utf-8''a.jpg", "a.jpg"),
        ("name=file; filename*=UTF-8'en'100%25%20%22.jpg", '100% ".jpg'),
        ("name=file; filename*=utf-8''%FF.jpg", "\ufffd.jpg"),
        ("name=file; filename=a.jpg; filename*=latin-1''%E4.jpg", "a.jpg"),
        ('name="file"; filename="; filename*=utf-8\'\'x.jpg"', "; filename*=utf-8''x.jpg"),
    ],
)
def test_a_file_has_the_name_that_its_client_meant(service, disposition, name):
    answer = post(service, b"--b\r\n" + part(disposition, picture()) + b"\r\n--b--\r\n")
    assert answer.status_code == 202, answer.text
    assert stored_name(service) == name


def test_a_name_of_several_files_is_answered_without_its_escapes(service):
    file = part('name="file"; filename="%22.jpg"', picture())
    answer = post(service, b"--b\r\n" + b"\r\n--b\r\n".join([file, file]) + b"\r\n--b--")
    assert [each["filename"] for each in answer.json()["uploads"]] == ['".jpg', '".jpg']


@pytest.mark.parametrize("pieces", [None, 1, 7, 64])
@pytest.mark.parametrize(
    "before",
    [
        b"--b\r\n",
        b"\r\n--b\r\n",
        b"--b \t \r\n",
        b"This is a message in MIME format.\r\n--b\r\n",
        b"line\r\n" * 1000 + b"--b\r\n",
        b"not --b\r\n--bee\r\n --b\r\nnor --b--\r\n--b\r\n",
    ],
)
def test_what_comes_before_the_first_boundary_is_ignored(service, before, pieces):
    answer = post(service, before + FILE + b"\r\n--b--\r\n", pieces=pieces)
    assert answer.status_code == 202, answer.text
    assert stored_name(service) == "a.jpg"


def test_what_comes_after_the_last_boundary_is_ignored(service):
    assert post(service, b"--b\r\n" + FILE + b"\r\n--b--\r\nThe end.\r\n").status_code == 202


@pytest.mark.parametrize("pieces", [None, 1, 100])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no boundary at all" * 100, "is malformed"),
        (b"--other\r\n" + FILE + b"\r\n--other--", "is malformed"),
        (picture(), "is malformed"),
        (b"", "ends before its closing boundary"),
        (b"Hello\r\n--b\r\n" + FILE, "ends before its closing boundary"),
    ],
)
def test_a_form_without_its_boundaries_is_told_apart(service, body, why, pieces):
    assert why in expect_problem(post(service, body, pieces=pieces), 400, "bad-request")["detail"]


def test_a_boundary_is_not_a_pattern(service):
    answer = post(service, b"--aXb\r\n" + FILE + b"\r\n--aXb--\r\n", boundary="a.b")
    expect_problem(answer, 400, "bad-request")
