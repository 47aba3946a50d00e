"""How bodies are received: in time, and as many at once as there is room for."""

import asyncio
import json

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from emulator.topology_file import read_topology
from quickthumb.api.bodies import BODIES, Bodies
from quickthumb.problems import Busy, TooLate
from quickthumb.settings import Settings
from tests.service import Service, expect_problem

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}


class Client:
    """Sends a body in parts, each when it is told to, and keeps what is answered."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)
        self.turn = asyncio.Semaphore(0)
        self.answers = []

    async def receive(self):
        await self.turn.acquire()
        if not self._parts:
            return {"type": "http.disconnect"}
        body = self._parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._parts)}

    async def send(self, message):
        self.answers.append(message)

    def go_on(self, parts=1):
        for _ in range(parts):
            self.turn.release()


async def echo(scope, receive, send):
    body = await Request(scope, receive).body()
    await JSONResponse(len(body))(scope, receive, send)


def bodies(seconds=60.0, largest=100, number=1):
    return Bodies(echo, seconds, largest, number)


def test_a_body_that_comes_in_time_is_passed_on():
    async def main():
        client = Client(b"abc", b"def")
        client.go_on(2)
        await bodies()(SCOPE, client.receive, client.send)
        return client.answers[-1]["body"]

    assert asyncio.run(main()) == b"6"


def test_a_body_that_does_not_come_in_time_is_given_up():
    async def main():
        client = Client(b"abc", b"def")
        client.go_on()
        await bodies(seconds=0.05)(SCOPE, client.receive, client.send)

    with pytest.raises(TooLate, match=r"within 0\.05 seconds"):
        asyncio.run(main())


def test_what_comes_after_the_body_may_take_its_time():
    async def until_it_leaves(scope, receive, send):
        await Request(scope, receive).body()
        left = await receive()
        await JSONResponse(left["type"])(scope, receive, send)

    async def main():
        client = Client(b"abc")
        client.go_on()
        call = Bodies(until_it_leaves, 0.05, 100)(SCOPE, client.receive, client.send)
        task = asyncio.create_task(call)
        await asyncio.sleep(0.1)
        client.go_on()
        await task
        return client.answers[-1]["body"]

    assert asyncio.run(main()) == b'"http.disconnect"'


def test_the_bytes_held_at_once_are_limited():
    async def main():
        app = bodies(largest=50, number=2)
        first, second, third = Client(b"x" * 50, b""), Client(b"x" * 50), Client(b"x")
        held = [asyncio.create_task(app(SCOPE, each.receive, each.send)) for each in (first,)]
        first.go_on()
        await asyncio.sleep(0)
        second.go_on()
        await app(SCOPE, second.receive, second.send)  # there is room, and again afterwards
        fourth = Client(b"x" * 50, b"")
        held.append(asyncio.create_task(app(SCOPE, fourth.receive, fourth.send)))
        fourth.go_on()
        await asyncio.sleep(0)
        third.go_on()
        with pytest.raises(Busy):
            await app(SCOPE, third.receive, third.send)
        first.go_on()
        fourth.go_on()
        await asyncio.gather(*held)
        last = Client(b"x" * 50)
        last.go_on()
        await app(SCOPE, last.receive, last.send)
        return [each.answers[-1]["body"] for each in (first, second, fourth, last)]

    assert asyncio.run(main()) == [b"50"] * 4


def test_an_oversized_body_only_counts_up_to_the_limit():
    async def main():
        app = bodies(largest=50, number=2)
        first, second = Client(b"x" * 500, b""), Client(b"x" * 50)
        held = asyncio.create_task(app(SCOPE, first.receive, first.send))
        first.go_on()
        await asyncio.sleep(0)
        second.go_on()
        await app(SCOPE, second.receive, second.send)
        first.go_on()
        await held
        return second.answers[-1]["body"]

    assert asyncio.run(main()) == b"50"


def test_a_disconnected_client_frees_its_room():
    async def main():
        app = bodies(largest=50, number=1)
        for _ in range(3):
            client = Client(b"x" * 50, b"")
            call = asyncio.create_task(app(SCOPE, client.receive, client.send))
            client.go_on()
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        last = Client(b"x" * 50)
        last.go_on()
        await app(SCOPE, last.receive, last.send)
        return last.answers[-1]["body"]

    assert asyncio.run(main()) == b"50"


def test_other_things_than_requests_are_passed_on():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Bodies(app, 1, 1)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_a_full_service_answers_with_retry_after():
    service = Service()

    async def main():
        bodies = [Client(b"x" * service.settings.max_upload_bytes, b"") for _ in range(BODIES)]
        held = asyncio.gather(*(service.app(SCOPE, each.receive, each.send) for each in bodies))
        for each in bodies:
            each.go_on()
        for _ in range(1_000):  # turns of the loop, until all are held
            await asyncio.sleep(0)
        answer = await asyncio.to_thread(service.post)
        for each in bodies:
            each.go_on()
        await held
        return answer

    answer = asyncio.run(main())
    problem = expect_problem(answer, 503, "busy")
    assert problem["detail"] == "Too many uploads are in progress: try again later."
    assert answer.headers["retry-after"] == "10"
    assert service.originals.blobs == {}


def test_a_service_that_is_sent_a_body_too_slowly_closes_the_connection():
    service = Service(receive_seconds=0)
    client = Client(b"x")  # and does not send it
    asyncio.run(service.app(SCOPE, client.receive, client.send))
    start, body = client.answers
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["code"] == "request-timeout"


def test_the_deployment_leaves_time_and_memory_for_it():
    upload = read_topology().functions["upload"]
    assert Settings.__dataclass_fields__["receive_seconds"].default < upload.timeout_seconds
    assert upload.concurrency == BODIES
