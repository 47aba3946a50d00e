"""Each part that writes, on a disk that is full: what was answered stays, and all goes on."""

import io
import os
import signal
import subprocess
import sys
import threading
import time

import grpc
import pytest
import requests
from google.pubsub_v1 import PullResponse

from emulator.bootstrap import ROOT
from emulator.console import Console
from emulator.errors import Unwritable
from emulator.parts.front.disk import RESERVE, Disk
from emulator.parts.front.http1 import Refused
from emulator.parts.front.sessions import UNIT
from emulator.ports import HOST, answers, free_port
from emulator.pubsub import protos
from emulator.running import Addresses, announced
from tests import needs
from tests.disks import small
from tests.storage import BUCKET, serving

pytestmark = pytest.mark.slow

MB = 2**20


def eventually(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def put(storage, name, data):
    return requests.post(storage.uploads(name), data=data, timeout=20)


def names(storage):
    answer = requests.get(storage.listing, timeout=20)
    assert answer.ok, answer.text
    return {blob["name"] for blob in answer.json().get("items", [])}


def test_storage_keeps_what_it_has_answered_and_recovers(tmp_path):
    with small(tmp_path / "disk", 24) as disk, serving(disk.folder / "data") as storage:
        kept = {f"before-{number}" for number in range(3)}
        for name in kept:
            assert put(storage, name, os.urandom(MB)).ok
        disk.fill(but=3 * MB)
        refused = 0
        for number in range(40):
            answer = put(storage, f"full-{number}", os.urandom(300_000))
            if answer.ok:
                kept.add(f"full-{number}")
            else:
                refused += 1
                assert answer.status_code == 503
                assert "Free some space" in answer.json()["error"]["message"]
        assert refused
        assert names(storage) == kept
        disk.fill()
        for kind in ("media", "resumable"):
            answer = requests.post(storage.uploads("full", kind), json={}, timeout=20)
            assert answer.status_code == 503
            assert "Free some space" in answer.json()["error"]["message"]
        assert names(storage) == kept
        assert requests.delete(storage.blob("before-0"), timeout=20).ok  # which makes some
        kept.remove("before-0")
        disk.relieve()
        assert put(storage, "after", os.urandom(MB)).ok
        assert names(storage) == kept | {"after"}
        assert "ended with status" not in storage.log.getvalue()


def test_uploads_at_once_do_not_take_the_same_room(tmp_path):
    with small(tmp_path / "disk", 16) as disk:
        room = Disk(disk.folder)
        disk.fill(but=RESERVE + 3 * MB)
        with room.room(2 * MB):
            with pytest.raises(Refused, match=r"has room for 1,0..,... bytes"), room.room(2 * MB):
                pass
            with room.room(MB // 2):
                pass
        with room.room(2 * MB):
            pass


def test_a_server_that_finds_the_disk_full_itself_breaks_nothing(tmp_path):
    """The front looks first; but others write to the disk, too, and between the two."""
    with small(tmp_path / "disk", 24) as disk, serving(disk.folder / "data") as storage:
        assert put(storage, "kept", b"kept").ok
        disk.fill()
        direct = f"{storage.server}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=direct"
        assert requests.post(direct, data=os.urandom(MB), timeout=20).status_code == 500
        assert names(storage) == {"kept"}
        disk.relieve()
        assert put(storage, "after", b"after").ok
        assert names(storage) == {"kept", "after"}


def test_a_resumable_upload_goes_on_when_there_is_room_again(tmp_path):
    data = os.urandom(10 * MB + 5)
    with small(tmp_path / "disk", 32) as disk, serving(disk.folder / "data") as storage:
        begun = requests.post(storage.uploads("scan", "resumable"), json={}, timeout=20)
        url = begun.headers["Location"]
        first = {"Content-Range": f"bytes 0-{4 * MB - 1}/{len(data)}"}
        assert requests.put(url, data[: 4 * MB], headers=first, timeout=20).status_code == 308
        disk.fill(but=RESERVE + 2 * MB)
        rest = {"Content-Range": f"bytes {4 * MB}-{len(data) - 1}/{len(data)}"}
        answer = requests.put(url, data[4 * MB :], headers=rest, timeout=20)
        assert answer.status_code == 503
        assert "Free some space" in answer.json()["error"]["message"]
        # In chunks of which nobody knows how many there will be.
        answer = requests.put(
            url,
            iter([data[4 * MB : 7 * MB], data[7 * MB :]]),
            headers={"Content-Range": f"bytes {4 * MB}-*/{len(data)}"},
            timeout=20,
        )
        assert answer.status_code == 503
        asked = {"Content-Range": f"bytes */{len(data)}"}
        answer = requests.put(url, headers=asked, timeout=20)
        assert answer.status_code == 308
        arrived = int(answer.headers["Range"].removeprefix("bytes=0-")) + 1
        assert 4 * MB <= arrived < 7 * MB
        assert arrived % UNIT == 0
        disk.relieve()
        rest = {"Content-Range": f"bytes {arrived}-{len(data) - 1}/{len(data)}"}
        assert requests.put(url, data[arrived:], headers=rest, timeout=20).status_code == 200
        assert requests.get(storage.blob("scan") + "?alt=media", timeout=20).content == data
        assert not list((disk.folder / "data" / "sessions").glob("*.bytes"))


# The broker.


class Running:
    """A broker with its data on a disk."""

    def __init__(self, folder):
        self.port = free_port()
        command = [
            *(sys.executable, "-m", "emulator.pubsub", "--data", str(folder)),
            *("--port", str(self.port), "--jwks-port", str(free_port())),
        ]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()
        eventually(lambda: answers(self.port) or self.process.poll() is not None, "no broker")
        self.channel = grpc.insecure_channel(f"{HOST}:{self.port}")

    def call(self, method, request, timeout=20):
        stub = self.channel.unary_unary(
            f"/google.pubsub.v1.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=lambda data: data,
        )
        return stub(request, timeout=timeout)

    def publish(self, text, size=200_000, timeout=20):
        message = {"data": os.urandom(size), "attributes": {"text": text}}
        request = protos.PublishRequest(topic="projects/p/topics/topic", messages=[message])
        return self.call("Publisher/Publish", request, timeout)

    def pull(self):
        texts = set()
        while True:
            request = protos.PullRequest(
                subscription="projects/p/subscriptions/subscription",
                max_messages=100,
                return_immediately=True,
            )
            got = PullResponse.deserialize(self.call("Subscriber/Pull", request))
            if not got.received_messages:
                return texts
            texts |= {each.message.attributes["text"] for each in got.received_messages}

    def stop(self, number=signal.SIGTERM):
        self.channel.close()
        self.process.send_signal(number)
        self.process.wait(30)
        self.reader.join()
        self.process.stdout.close()


@needs.posix("signals")
def test_a_broker_keeps_what_it_has_answered_and_recovers(tmp_path):
    with small(tmp_path / "disk", 24) as disk:
        broker = Running(disk.folder / "pubsub")
        try:
            broker.call("Publisher/CreateTopic", protos.Topic(name="projects/p/topics/topic"))
            subscription = protos.Subscription(
                name="projects/p/subscriptions/subscription", topic="projects/p/topics/topic"
            )
            broker.call("Subscriber/CreateSubscription", subscription)
            broker.publish("before")
            disk.fill(but=MB)
            answered, refused = {"before"}, 0
            for number in range(20):
                try:
                    broker.publish(f"full-{number}", timeout=2)
                    answered.add(f"full-{number}")
                except grpc.RpcError as error:
                    refused += 1
                    waits = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                    assert waits or "cannot be written" in error.details()
                    assert waits or error.code() is grpc.StatusCode.UNAVAILABLE
            assert refused
            disk.relieve()

            def recovered():
                try:
                    return broker.publish("after", timeout=2)
                except grpc.RpcError:
                    return False

            eventually(recovered, "the broker does not recover")
            broker.stop(signal.SIGKILL)
            broker = Running(disk.folder / "pubsub")
            assert broker.pull() >= answered | {"after"}
        finally:
            broker.stop()


@needs.posix("signals")
def test_a_broker_on_a_full_disk_says_so_and_ends(tmp_path):
    with small(tmp_path / "disk", 4) as disk:
        disk.fill()
        broker = Running(disk.folder / "pubsub")
        assert broker.process.wait(30) == 1
        broker.stop()
        said = "".join(broker.lines)
        assert "cannot use the data folder" in said
        assert "Traceback" not in said


# `up` itself.


def test_an_unwritable_log_does_not_stop_parts_and_reports_lost_lines(tmp_path):
    with small(tmp_path / "disk", 1) as disk, (disk.folder / "log").open("w") as log:
        console = Console(out=log)
        console.line("part", "before")
        disk.fill()
        for number in range(500):
            console.line("part", f"{number} {'x' * 200}")
        disk.relieve()
        console.line("part", "after")
        log.flush()
        lines = (disk.folder / "log").read_text().splitlines()
        assert lines[0] == "part | before"
        assert lines[-1] == "part | after"
        assert "lines could not be written" in lines[-2]


def test_a_closed_output_does_not_stop_parts():
    read, write = os.pipe()
    os.close(read)
    console = Console(out=io.TextIOWrapper(os.fdopen(write, "wb", buffering=0)))
    console.say("nobody reads this")
    console.say("nor this")


def test_up_on_a_full_disk_says_so_and_ends(tmp_path):
    with small(tmp_path / "disk", 1) as disk:
        disk.fill()
        command = [sys.executable, "-m", "emulator.cli", "up", "--data", str(disk.folder / "data")]
        result = subprocess.run(
            [*command, "--port", str(free_port())],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        assert "disk" in result.stderr or "No space left" in result.stderr


def test_a_cloud_that_cannot_be_announced_is_told(tmp_path):
    with small(tmp_path / "disk", 1) as disk:
        disk.fill()
        addresses = Addresses({}, "http://storage", "pubsub:1", "grpc:1")
        with (
            pytest.raises(Unwritable, match=r"addresses\.json: No space left on device"),
            announced(disk.folder, addresses),
        ):
            pass
        assert not list(disk.folder.glob("addresses*"))
