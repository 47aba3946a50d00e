"""The main job, through real processes, on real pictures."""

import base64
import io
import json

import numpy as np
import pytest
import requests
from PIL import Image

from emulator.client import Failed
from tests.e2e.similarity import ssim
from tests.pictures import ROCKET, SAMPLES, picture, sideways

PICTURES = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".jpg", ".png"))


def open_rgb(data):
    return Image.open(data).convert("RGB")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_every_sample_becomes_the_thumbnails_it_should(client, path):
    id = client.upload(path, {"sizes": "256,1024"})
    thumbnails = client.thumbnails(client.wait(id, 60))
    original = open_rgb(path)
    longest = max(original.size)
    assert [thumb.name for thumb in thumbnails] == ["256", "1024"]
    for thumb, size in zip(thumbnails, (256, 1024), strict=True):
        image = open_rgb(io.BytesIO(thumb.data))
        assert image.size == (thumb.width, thumb.height)
        assert max(image.size) == min(size, longest)
        scale = min(size, longest) / longest
        for side, whole in zip(image.size, original.size, strict=True):
            assert abs(side - whole * scale) <= 1
        reference = original.resize(image.size, Image.Resampling.LANCZOS)
        assert ssim(np.asarray(image), np.asarray(reference)) >= 0.90


def test_a_sideways_picture_is_turned(client, tmp_path):
    path = tmp_path / "sideways.jpg"
    path.write_bytes(sideways(640, 480))
    [thumb] = client.thumbnails(client.wait(client.upload(path, {}), 60))
    assert (thumb.width, thumb.height) == (192, 256)


def test_a_thumbnail_is_waited_for(url):
    id = requests.post(url, files={"file": ROCKET.read_bytes()}, timeout=20).json()["id"]
    answer = requests.get(f"{url}/{id}/256", params={"wait": 20}, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (256, 171)


def refused(url, data):
    """Send what is to be refused; return status and code, having seen that nothing is kept."""
    answer = requests.post(url, files={"file": ("cat.jpg", data)}, timeout=60)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "id" not in answer.json()
    return answer.status_code, answer.json()["code"]


def test_refused_uploads_get_their_answers_and_leave_nothing(url, cloud):
    def stored():
        bucket = f"{cloud.addresses.storage}/storage/v1/b/quickthumb-originals/o"
        return {blob["name"] for blob in requests.get(bucket, timeout=20).json().get("items", [])}

    before = stored()
    assert refused(url, b"hello") == (415, "not-a-picture")
    assert refused(url, b"") == (400, "empty-file")
    assert refused(url, bytes(40 * 2**20)) == (413, "too-large")
    assert stored() == before


def test_a_broken_picture_ends_as_failed_with_a_reason(client, tmp_path):
    path = tmp_path / "broken.png"
    data = picture(400, 300, format="PNG")
    path.write_bytes(data[: len(data) // 4])
    with pytest.raises(Failed) as raised:
        client.wait(client.upload(path, {}), 60)
    assert str(raised.value).endswith(".")


def test_a_deleted_upload_is_gone(client, url):
    id = client.upload(ROCKET, {})
    client.wait(id, 60)
    assert requests.delete(f"{url}/{id}", timeout=20).status_code == 204
    assert requests.get(f"{url}/{id}", timeout=20).status_code == 404
    assert requests.get(f"{url}/{id}/256", timeout=20).status_code == 404


def test_a_job_from_eventarc_is_done_too(client, cloud, url):
    """Eventarc sends the message as the data of a CloudEvent in binary mode."""
    id = client.upload(ROCKET, {})
    done = client.wait(id, 60)
    manifest = _delete_manifest(cloud, id)
    message = _message(cloud, id)
    answer = requests.post(
        cloud.addresses.functions["resize"],
        json={"message": message, "subscription": "projects/p/subscriptions/eventarc"},
        headers={
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
            "ce-source": "//pubsub.googleapis.com/projects/p/topics/uploads",
            **cloud.authorization("resize"),
        },
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    assert client.wait(id, 5)["thumbnails"] == done["thumbnails"]
    assert _manifest(cloud, id) == manifest


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"message": {}}', b"\xff", b'{"message": {"data": "%s"}}' % (b"A" * 2**21)],
    ids=["empty", "object", "message", "no-text", "huge"],
)
def test_a_forged_push_request_is_refused_and_the_function_lives_on(client, cloud, body):
    answer = requests.post(
        cloud.addresses.functions["resize"],
        data=body,
        headers={"content-type": "application/json", **cloud.authorization("resize")},
        timeout=30,
    )
    assert answer.status_code >= 400
    assert client.wait(client.upload(ROCKET, {}), 60)


def _manifest_url(cloud, id):
    base = f"{cloud.addresses.storage}/storage/v1/b/quickthumb-processed/o"
    return f"{base}/{id}%2Fmanifest.json"


def _manifest(cloud, id):
    return requests.get(_manifest_url(cloud, id), params={"alt": "media"}, timeout=20).content


def _delete_manifest(cloud, id):
    content = _manifest(cloud, id)
    requests.delete(_manifest_url(cloud, id), timeout=20).raise_for_status()
    return content


def _message(cloud, id):
    bucket = "quickthumb-originals"
    blob = requests.get(
        f"{cloud.addresses.storage}/storage/v1/b/{bucket}/o/{id}", timeout=20
    ).json()
    job = {
        "id": id,
        "bucket": bucket,
        "name": id,
        "generation": int(blob["generation"]),
        "filename": blob["metadata"]["filename"],
        "renditions": json.loads(blob["metadata"]["renditions"]),
    }
    data = base64.b64encode(json.dumps(job).encode()).decode()
    return {"data": data, "attributes": {"schema": "1"}, "messageId": "1"}
