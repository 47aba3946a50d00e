"""Requests of malicious web pages to the servers of a running cloud."""

import json

import pytest
import requests

from emulator.ports import answers
from tests.conformance.endpoint import eventually

PUSH = json.dumps(
    {
        "message": {"data": "e30=", "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"},
        "subscription": "projects/p/subscriptions/s",
    }
)
ORIGIN = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize("function", ["resize", "bury", "sweep"])
def test_a_job_without_a_token_is_refused_though_no_browser_asks_for_leave_to_send_it(
    cloud, function
):
    url = cloud.addresses.functions[function]
    eventually(lambda: answers(int(url.rpartition(":")[2])))  # nobody waited for `bury`
    for content_type, statuses in (("text/plain", (401, 415)), ("application/json", (401,))):
        headers = {"Content-Type": content_type, **ORIGIN}
        answer = requests.post(url, data=PUSH, headers=headers, timeout=20)
        assert answer.status_code in statuses


def test_every_function_that_only_the_cloud_calls_wants_a_token(cloud):
    assert set(cloud.addresses.tokens) == set(cloud.addresses.functions) - {"upload"}


def test_storage_and_keys_refuse(cloud):
    for url in (f"{cloud.addresses.storage}/storage/v1/b", cloud.addresses.keys):
        assert requests.get(url, timeout=20).status_code == 200
        for headers in (ORIGIN, {"Host": "evil.test"}):
            answer = requests.get(url, headers=headers, timeout=20)
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
