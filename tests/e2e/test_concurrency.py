"""The emulator runs as many requests at once as the topology says."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.cloud import pubsub_v1

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.functions import function_part
from emulator.ports import answers, free_port
from emulator.running import Addresses
from emulator.source import Source
from emulator.topology import Function
from emulator.topology_file import read_topology
from tests import needs
from tests.conformance.endpoint import eventually

COUNTING = '''
import os
import time
import uuid
from pathlib import Path

import functions_framework

FOLDER = Path(os.environ["FOLDER"])


@functions_framework.http
def count(request):
    """Be busy until as many are as expected, or for a while; return the most that were."""
    mine, most, end = FOLDER / uuid.uuid4().hex, 0, time.monotonic() + 1
    mine.touch()
    while time.monotonic() < end and most < int(os.environ["EXPECTED"]):
        most = max(most, len(list(FOLDER.iterdir())))
        time.sleep(0.01)
    time.sleep(0.1)
    most = max(most, len(list(FOLDER.iterdir())))
    mine.unlink()
    return str(most)
'''


@needs.posix("signals")
@pytest.mark.parametrize(("concurrency", "instances"), [(1, 1), (1, 2), (3, 1)])
def test_a_function_works_on_as_many_requests_at_once_as_it_says(tmp_path, concurrency, instances):
    (tmp_path / "main.py").write_text(COUNTING)
    busy = tmp_path / "busy"
    busy.mkdir()
    port, expected = free_port(), concurrency * instances
    function = Function("count", "http", 2**30, 1, concurrency, 60, 0, 10, {})
    addresses = Addresses({"count": f"http://127.0.0.1:{port}"}, "http://127.0.0.1:9", "", "")
    variables = {"FOLDER": str(busy), "EXPECTED": str(expected)}
    source = Source(tmp_path / "main.py", variables=variables)
    part = function_part("count", function, addresses, instances, awaited=True, source=source)
    with subprocess.Popen(part.command, env=part.env, start_new_session=True) as process:
        try:
            eventually(lambda: answers(port))
            with ThreadPoolExecutor(8) as pool:
                url = addresses.functions["count"]
                asked = [pool.submit(requests.get, url, timeout=60) for _ in range(8)]
            seen = [int(each.result().text) for each in asked]
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    assert max(seen) == expected


WORKING = """
import json
import os
import time
import uuid
from pathlib import Path

import functions_framework

BUSY, DONE = Path(os.environ["BUSY"]), Path(os.environ["DONE"])


@functions_framework.cloud_event
def work(event):
    \"\"\"Be busy until as many are as expected, or for a while; note the most that were.\"\"\"
    mine = BUSY / f"{os.getpid()}-{uuid.uuid4().hex}"
    mine.touch()
    most, most_here, end = 0, 0, time.monotonic() + 1
    while time.monotonic() < end and most < int(os.environ["EXPECTED"]):
        time.sleep(0.05)
        names = [path.name for path in BUSY.iterdir()]
        most = max(most, len(names))
        most_here = max(most_here, sum(name.startswith(f"{os.getpid()}-") for name in names))
    note = {"pid": os.getpid(), "most": most, "most_here": most_here}
    (DONE / event["id"]).write_text(json.dumps(note))
    time.sleep(0.1)
    mine.unlink()
"""

TOPOLOGY = """
project: my-jobs
functions: {{work: {{trigger: pubsub, concurrency: {concurrency}, max_instances: 4}}}}
topics: {{jobs: {{}}}}
subscriptions: {{work: {{topic: jobs, push_to: work}}}}
environment: {{BUSY: {busy}, DONE: {done}, EXPECTED: "{expected}"}}
"""


@pytest.mark.parametrize(("concurrency", "instances"), [(1, 1), (1, 2), (3, 2)])
def test_jobs_are_shared_by_instances_and_none_gets_more_than_it_takes(
    tmp_path, monkeypatch, concurrency, instances
):
    busy, done = tmp_path / "busy", tmp_path / "done"
    busy.mkdir()
    done.mkdir()
    (tmp_path / "main.py").write_text(WORKING)
    expected = concurrency * instances
    (tmp_path / "app.yaml").write_text(
        TOPOLOGY.format(concurrency=concurrency, busy=busy, done=done, expected=expected)
    )
    cloud = Cloud(
        read_topology(tmp_path / "app.yaml"),
        tmp_path / "data",
        Console(),
        instances={"work": instances},
        source=Source(tmp_path / "main.py"),
    )
    with cloud:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", cloud.addresses.pubsub)
        publisher = pubsub_v1.PublisherClient()
        jobs = [publisher.publish("projects/my-jobs/topics/jobs", b"job") for _ in range(12)]
        assert len({job.result(timeout=30) for job in jobs}) == 12
        publisher.stop()
        eventually(lambda: len(list(done.iterdir())) == 12, seconds=60)
    notes = [json.loads(path.read_text()) for path in done.iterdir()]
    assert max(note["most"] for note in notes) == expected
    assert max(note["most_here"] for note in notes) == concurrency
    assert len({note["pid"] for note in notes}) == instances
