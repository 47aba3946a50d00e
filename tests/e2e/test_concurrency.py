"""The emulator runs as many requests at once as the topology says."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from emulator.parts.functions import function_part
from emulator.ports import answers, free_port
from emulator.running import Addresses
from emulator.source import Source
from emulator.topology import Function
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
