"""The HTTP client against servers that behave well, badly and not at all."""

import asyncio

import h11
import pytest

from emulator.pubsub.doors import http_post
from emulator.pubsub.doors.http_post import HttpPoster

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def exchange(*answers, posts=1, seconds=5.0, hang_up=False):
    """Post to a server that gives these answers.

    Returns:
        What the poster returned or raised for each post, the requests, and the connections.
    """
    requests: list[bytes] = []
    connections: list[int] = []
    left = list(answers)

    async def serve(reader, writer):
        connections.append(1)
        try:
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                writer.write(left.pop(0))
                await writer.drain()
                if hang_up:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/push?a=b"
        poster = HttpPoster()
        outcomes = []
        for number in range(posts):
            try:
                body = b"body %d" % number
                outcomes.append(await poster.post(url, [("X-Mine", "yes")], body, seconds))
            except (OSError, TimeoutError, h11.ProtocolError) as error:
                outcomes.append(type(error))
        poster.close()
        server.close()
        return outcomes

    return asyncio.run(run()), requests, len(connections)


def test_a_request_says_what_it_is_told_to():
    outcomes, (request,), _ = exchange(OK)
    assert outcomes == [204]
    assert request.startswith(b"POST /push?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Mine: yes\r\n" in request
    assert b"\r\nContent-Length: 6\r\n" in request
    assert request.endswith(b"\r\n\r\nbody 0")


def test_a_connection_is_used_again():
    outcomes, requests, connections = exchange(OK, OK, OK, posts=3)
    assert outcomes == [204, 204, 204]
    assert requests[2].endswith(b"body 2")
    assert connections == 1


def test_a_connection_that_nobody_uses_is_closed(monkeypatch):
    monkeypatch.setattr(http_post, "MAX_IDLE_SECONDS", 0.01)

    async def run():
        ended = asyncio.Queue()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            ended.put_nowait(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        poster = HttpPoster()
        for _ in range(2):
            assert await poster.post(url, [], b"", 5.0) == 204
            assert await asyncio.wait_for(ended.get(), 20) == b""
        server.close()

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 404, 500, 302])
def test_the_status_is_returned_whatever_the_body(status):
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nabc" % status
    outcomes, _, connections = exchange(answer, answer, posts=2)
    assert (outcomes, connections) == ([status, status], 1)


def test_a_chunked_answer_is_read():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert exchange(answer, answer, posts=2)[0] == [200, 200]


def test_a_server_that_hangs_up_after_each_answer_is_fine():
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    outcomes, _, connections = exchange(closing, closing, posts=2, hang_up=True)
    assert (outcomes, connections) == ([200, 200], 2)


def test_102_is_an_answer_and_100_is_not():
    assert exchange(b"HTTP/1.1 102 Processing\r\n\r\n")[0] == [102]
    assert exchange(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)[0] == [204]


def test_what_is_not_http_is_an_error():
    assert exchange(b"SSH-2.0-OpenSSH\r\n\r\n")[0] == [h11.RemoteProtocolError]


def test_no_answer_is_an_error():
    assert exchange(b"", hang_up=True)[0] == [ConnectionResetError]


def test_no_answer_in_time_is_an_error():
    assert exchange(b"", OK, seconds=0.05)[0] == [TimeoutError]


def test_an_endpoint_that_is_not_there_is_an_error():
    async def run():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await HttpPoster().post(f"http://127.0.0.1:{port}", [], b"", 5.0)

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(run())
