"""A short storm on each broker, a picture that kills the function, and a graceful stop."""

import io
import shutil
import threading
import time
from contextlib import contextmanager

import pytest
import requests

from emulator.console import Console
from tests import needs
from tests.chaos.cloud import ShakenCloud, impatient
from tests.chaos.load import Record, hostile
from tests.chaos.run import storm
from tests.chaos.site.sitecustomize import DEADLY
from tests.chaos.verdict import SIZES, judge, thumbnails, unheard
from tests.conformance.endpoint import eventually
from tests.e2e.conftest import BROKERS, need
from tests.pictures import picture

pytestmark = needs.posix("signals")


@pytest.mark.parametrize("broker", BROKERS)
def test_in_a_storm_no_accepted_upload_is_lost_stuck_or_wrong(broker, tmp_path):
    need(broker)
    log = tmp_path / "chaos.log"
    outcome = storm(20, uploads=40, kills=4, broker=broker, log=log, sweep_after=5)
    assert outcome.verdict.is_good, f"{outcome.table()}\n{outcome.verdict}"
    assert sum(n for blow, n in outcome.blows.items() if blow.startswith("kill")) == 4
    assert outcome.answers["202"] == 40
    assert outcome.verdict.harmless == 2
    assert outcome.verdict.grown > 20


def test_the_verdict_sees_what_goes_wrong(tmp_path):
    data = picture()
    with ShakenCloud(
        impatient(5), tmp_path, Console(out=io.StringIO()), "embedded", trouble=0
    ) as cloud:
        ids = [upload(cloud, data, f"?sizes={','.join(SIZES)}") for _ in range(6)]
        assert all(ended(cloud, id)["status"] == "done" for id in ids)
        record = Record(accepted=dict.fromkeys(ids, 0))
        calm = [thumbnails(cloud.addresses.upload, ids[0])]
        assert judge(cloud, record, calm, 0).is_good
        record.metadata[ids[0]] = {"album": "7"}
        assert judge(cloud, record, calm, 0).mixed == [ids[0]]
        del record.metadata[ids[0]]
        *ids, buried = ids
        assert requests.delete(f"{cloud.addresses.upload}/{buried}", timeout=30).status_code == 204
        record.deleted.add(buried)
        verdict = judge(cloud, record, calm, 0)
        assert verdict.is_good
        assert verdict.tombstones == 1
        unwritten, unended, altered, undead, _ = ids
        remove(cloud, f"quickthumb-originals/{unwritten}", f"quickthumb-processed/{unwritten}")
        remove(cloud, f"quickthumb-processed/{unended}")
        for file in (cloud.data / "quickthumb-processed" / altered).glob("48.*"):
            file.write_bytes(b"other bytes")
        record.deleted.add(undead)
        verdict = judge(cloud, record, calm, 0)
        assert [found.split()[0] for found in verdict.lost] == [unwritten]
        assert verdict.stuck == [unended]
        assert [found.split()[0] for found in verdict.wrong] == [altered]
        assert verdict.undead == [undead]
        assert verdict.orphans == [f"{unended}: original without manifest"]
        assert not verdict.is_good


def test_the_verdict_sees_which_events_are_missing_or_lack_something():
    def event(id, *names, metadata):
        return {"id": id, "metadata": metadata, "thumbnails": [{"name": name} for name in names]}

    metadata = {"number": "1"}
    ids = ("told", "silent", "mixed", "lacks", "deleted")
    record = Record(
        accepted=dict.fromkeys(ids, 0),
        metadata=dict.fromkeys(ids, metadata),
        grown={"told": {"96"}, "lacks": {"96"}},
        deleted={"deleted"},
    )
    events = [
        event("told", "48", "96", metadata=metadata),
        event("told", "48", metadata=metadata),
        event("mixed", "48", metadata={}),
        event("lacks", "48", metadata=metadata),
    ]
    assert unheard(record, lambda: events, seconds=0) == ["silent", "mixed", "lacks"]


def remove(cloud, *names):
    """Delete blobs without the service."""
    for name in names:
        path = cloud.data / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def impatient_cloud(folder, broker="embedded", **options):
    topology = impatient(max_delivery_attempts=5)
    with ShakenCloud(topology, folder, Console(out=io.StringIO()), broker, **options) as cloud:
        yield cloud


def upload(cloud, data, query=""):
    url = f"{cloud.addresses.upload}/{query}"
    answer = requests.post(url, files={"file": ("a.jpg", data)}, timeout=60)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(cloud, id, seconds=300):
    end = time.monotonic() + seconds
    while True:
        url = f"{cloud.addresses.upload}/{id}"
        try:
            state = requests.get(url, params={"wait": 20}, timeout=60).json()
        except requests.ConnectionError as error:  # it is being restarted
            state = {"status": "queued", "error": error}
            time.sleep(0.2)
        if state["status"] != "queued":
            return state
        assert time.monotonic() < end, state


@pytest.mark.parametrize("broker", BROKERS)
def test_a_picture_that_kills_the_function_is_given_up_while_others_go_on(tmp_path, broker):
    need(broker)
    with impatient_cloud(tmp_path, broker, trouble=0) as cloud:
        deadly = upload(cloud, picture() + DEADLY)
        # From now on it kills the function four times, so no other job can die with it five times.
        eventually(lambda: cloud.relay.broken)
        others = [upload(cloud, picture(64 + number, 48)) for number in range(8)]
        for id in others:
            assert ended(cloud, id)["status"] == "done"
        state = ended(cloud, deadly)
        assert (state["status"], state["error"]["code"]) == ("failed", "gave-up")
        assert "5 attempts" in state["error"]["detail"]
        answer = requests.get(f"{cloud.addresses.upload}/{deadly}/256", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (422, "gave-up")


def test_a_picture_that_crashes_or_keeps_its_decoder_fails_with_its_code_at_once(tmp_path):
    with impatient_cloud(tmp_path) as cloud:
        harm = hostile()
        ids = [upload(cloud, each.data) for each in harm]
        for each, id in zip(harm, ids, strict=True):
            state = ended(cloud, id)
            assert (state["status"], state["error"]["code"]) == ("failed", each.code), each.name
        assert ended(cloud, upload(cloud, picture()))["status"] == "done"


def test_a_part_that_is_asked_to_stop_answers_what_it_has_begun(tmp_path):
    with impatient_cloud(tmp_path) as cloud:
        cloud.proxy.become("hangs")
        answers = []

        def send():
            answer = requests.post(cloud.addresses.upload, data=picture(), timeout=60)
            answers.append(answer)

        sender = threading.Thread(target=send)
        sender.start()
        while not cloud.proxy.connections:
            time.sleep(0.02)
        cloud.ask_to_stop("upload")
        time.sleep(0.5)  # the signal is dealt with; the answer waits for storage
        assert not answers
        cloud.proxy.become("well")
        sender.join()
        assert [answer.status_code for answer in answers] == [202]
        assert ended(cloud, answers[0].json()["id"])["status"] == "done"
