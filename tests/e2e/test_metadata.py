"""Metadata of an application, through storage, Pub/Sub and back, over real processes."""

import json

import requests

from emulator.ports import free_port
from tests.conformance.endpoint import listening
from tests.e2e.commands import up
from tests.pictures import ROCKET

SENT = {"album": "7", "caption": 'Größe "XL" <b> 🚀\n', "long": "ü" * 900}
FIELDS = {f"metadata[{key}]": text for key, text in SENT.items()}


def test_metadata_comes_back_in_status_and_event_with_links_that_lead_to_the_service(tmp_path):
    data = ROCKET.read_bytes()
    with (
        listening() as endpoint,
        up(tmp_path, "--port", free_port(), "--notify", endpoint.url) as cloud,
    ):
        url = cloud.url("upload")
        sent = requests.post(url, files={"file": data}, data=FIELDS, timeout=30)
        assert sent.status_code == 202, sent.text
        announced = {"size": len(data), "metadata": SENT}
        session = requests.post(f"{url}/uploads", json=announced, timeout=30).json()
        requests.put(session["upload"]["url"], data=data, timeout=30).raise_for_status()
        ids = {sent.json()["id"], session["id"]}
        for id in ids:
            status = requests.get(f"{url}/{id}", params={"wait": 30}, timeout=60).json()
            assert (status["status"], status["metadata"]) == ("done", SENT)
        events = [json.loads(push.data) for push in endpoint.wait(2)]
        assert {event["id"] for event in events} == ids
        for event in events:
            assert event["metadata"] == SENT
            assert event["links"]["self"] == f"{url}/{event['id']}"
            thumbnail = requests.get(event["links"]["thumbnails"]["256"], timeout=30)
            assert thumbnail.headers["content-type"] == "image/jpeg"
