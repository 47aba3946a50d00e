"""Heads of HTTP/1.1, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.parts.front.http1 import (
    Malformed,
    read_answer,
    read_request,
    write_head,
)
from emulator.parts.front.streams import chunks

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.!~", min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip)
RESERVED = {"host", "content-length", "transfer-encoding", "connection", "expect"}


def head(*lines, start="GET /a?b=c HTTP/1.1", host="Host: localhost"):
    return "\r\n".join([start, host, *lines, "", ""]).encode("latin-1")


def test_a_request_is_read():
    request = read_request(head("X-One: 1", "Content-Length:  5 ", start="PUT /a?b=c HTTP/1.1"))
    assert (request.method, request.target, request.host) == ("PUT", "/a?b=c", "localhost")
    assert (request.length, request.lasts, request.waits) == (5, True, False)
    assert request.get("x-one") == "1"
    assert request.get("x-two") is None


@pytest.mark.parametrize(
    ("lines", "length"),
    [([], 0), (["Content-Length: 0"], 0), (["Transfer-Encoding: Chunked"], None)],
)
def test_the_length_of_a_body_is_told_by_one_header(lines, length):
    assert read_request(head(*lines)).length == length


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5", "content-length: 6"],
        ["Content-Length: 5, 5"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5 5"],
        ["Content-Length: \xd9\xa5"],  # a digit, in Arabic
        ["Content-Length: 99999999999999999999"],
        ["Content-Length:"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: \x0bchunked"],
        ["Transfer-Encoding : chunked"],
        [" Transfer-Encoding: chunked"],
        ["Transfer-Encoding\t: chunked"],
        ["X: y\nTransfer-Encoding: chunked"],
        ["X: y\rTransfer-Encoding: chunked"],
        ["X: y", " folded"],
        ["X: y", "\tfolded"],
        ["X: a\0b"],
        ["X: a\x7fb"],
        ["X y"],
        [": y"],
        ["Host: localhost"],
        ["Host: evil.test"],
    ],
)
def test_ambiguous_headers_are_refused(lines):
    with pytest.raises(Malformed):
        read_request(head(*lines))


@pytest.mark.parametrize(
    "start",
    [
        *("GET http://evil.test/ HTTP/1.1", "GET //evil.test HTTP/2.0", "GET / HTTP/1.2"),
        *("get / HTTP/1.1", "GET  / HTTP/1.1", "GET /a b HTTP/1.1", "GET /", "PRI * HTTP/2.0"),
        *(
            "CONNECT evil.test:80 HTTP/1.1",
            "GET /\x01 HTTP/1.1",
            "GET /é HTTP/1.1",
            " GET / HTTP/1.1",
        ),
    ],
)
def test_what_does_not_begin_as_a_request_is_refused(start):
    with pytest.raises(Malformed):
        read_request(head(start=start))


def test_a_request_without_a_host_is_refused():
    with pytest.raises(Malformed, match="Host"):
        read_request(b"GET / HTTP/1.1\r\n\r\n")


def test_old_requests_have_no_chunks_and_end_the_connection():
    assert not read_request(head(start="GET / HTTP/1.0")).lasts
    with pytest.raises(Malformed, match=r"HTTP/1\.0"):
        read_request(head("Transfer-Encoding: chunked", start="POST / HTTP/1.0"))


def test_hop_by_hop_headers_are_not_forwarded():
    request = read_request(
        head("Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 5", "Upgrade: h2c", "X-End: 2")
    )
    assert request.passed_on() == [("host", "localhost"), ("x-end", "2")]
    assert not request.lasts


@given(st.lists(st.tuples(TOKEN, VALUE), max_size=10))
def test_a_head_survives_a_round_trip(headers):
    headers = [item for item in headers if item[0] not in RESERVED]
    written = write_head("GET / HTTP/1.1", [("host", "localhost"), *headers])
    assert read_request(written).headers == [("host", "localhost"), *headers]


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_happens(garbage):
    for data in (garbage, garbage + b"\r\n\r\n", head() + garbage):
        try:
            request = read_request(data)
        except Malformed as error:
            assert str(error)
        else:
            assert request.host


@pytest.mark.parametrize(
    ("status", "method", "lines", "length"),
    [
        (200, "GET", ["Content-Length: 7"], 7),
        (200, "GET", ["Transfer-Encoding: chunked"], None),
        (200, "HEAD", ["Content-Length: 7"], 0),
        (204, "DELETE", [], 0),
        (304, "GET", ["Content-Length: 7"], 0),
        (100, "PUT", [], 0),
    ],
)
def test_an_answer_is_as_long_as_it_says(status, method, lines, length):
    answer = read_answer(head(*lines, start=f"HTTP/1.1 {status} Word"), method)
    assert (answer.status, answer.length) == (status, length)


@pytest.mark.parametrize("start", ["HTTP/2 200 OK", "HTTP/1.1 2000 OK", "hello", "HTTP/1.1 200 OK"])
def test_an_invalid_or_unbounded_response_is_reported(start):
    with pytest.raises(Malformed):
        read_answer(head(start=start), "GET")


class Bytes:
    """A source of bytes."""

    def __init__(self, data):
        self.data = data

    def line(self):
        end = self.data.find(b"\n") + 1
        line, self.data = self.data[:end], self.data[end:]
        return line

    def blocks(self, count):
        part, self.data = self.data[:count], self.data[count:]
        for start in range(0, len(part), 7):
            yield memoryview(part[start : start + 7])


@given(st.lists(st.binary(min_size=1, max_size=50)), st.sampled_from([b"", b";a=b", b' ; a="b"']))
def test_chunks_are_put_together(parts, extension):
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    source = Bytes(body + b"0\r\nX-Trailer: 1\r\n\r\nGET /next")
    assert b"".join(map(bytes, chunks(source))) == b"".join(parts)
    assert source.data == b"GET /next"


@pytest.mark.parametrize(
    "body",
    [
        *(b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"g\r\n"),
        *(b"-5\r\nhello\r\n", b"0x5\r\nhello\r\n", b" 5\r\nhello\r\n", b"\r\n", b""),
        *(b"5\r\r\nhello\r\n", b"5;\0\r\nhello\r\n", b"fffffffffffff\r\n", b"+5\r\nhello\r\n"),
    ],
)
def test_invalid_chunks_are_refused(body):
    with pytest.raises(Malformed):
        list(chunks(Bytes(body)))


def test_trailers_end():
    with pytest.raises(Malformed, match="too many trailers") as raised:
        list(chunks(Bytes(b"0\r\n" + b"X: 1\r\n" * 1000)))
    assert raised.value.status == 431
