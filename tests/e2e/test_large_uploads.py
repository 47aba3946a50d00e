"""Pictures that go to Cloud Storage directly, through real processes."""

import hashlib
import socket
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image

from emulator.resumable import send
from tests.pictures import ROCKET

MB = 1_000_000
CUT = 40 * MB


@pytest.fixture(scope="module")
def tiff(tmp_path_factory):
    """Give a picture of 100 MB, as scanners write them: no compression."""
    across, down = np.meshgrid(np.linspace(0, 255, 6000), np.linspace(0, 255, 5560))
    pixels = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("large") / "scan.tif"
    Image.fromarray(pixels).save(path, compression=None)
    assert path.stat().st_size > 100 * MB
    return path


def announce(url, **members):
    answer = requests.post(f"{url}/uploads", json=members, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def send_and_vanish(url, path, count):
    """Send the first bytes of a whole upload, and close the connection in its midst."""
    parts = urlsplit(url)
    with (
        path.open("rb") as file,
        socket.create_connection((parts.hostname, parts.port)) as connection,
    ):
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        connection.sendall(f"{head}Content-Length: {path.stat().st_size}\r\n\r\n".encode())
        connection.sendall(file.read(count))
        connection.shutdown(socket.SHUT_WR)  # the server sees the end after all that was sent
        connection.recv(1000)


def test_a_picture_of_100_mb_is_resumed_after_its_connection_broke_at_40(client, url, tiff):
    size = tiff.stat().st_size
    options = {"sizes": [256, 1024], "format": "jpeg"}
    document = announce(
        url, filename=tiff.name, content_type="image/tiff", size=size, options=options
    )
    session = document["upload"]["url"]
    send_and_vanish(session, tiff, CUT)
    assert requests.get(f"{url}/{document['id']}", timeout=20).status_code == 404

    asked = requests.put(session, headers={"Content-Range": f"bytes */{size}"}, timeout=20)
    assert asked.status_code == 308
    arrived = int(asked.headers["Range"].removeprefix("bytes=0-")) + 1
    assert CUT - 256 * 1024 < arrived <= CUT
    with tiff.open("rb") as file:
        file.seek(arrived)
        content_range = f"bytes {arrived}-{size - 1}/{size}"
        done = requests.put(
            session, data=file, headers={"Content-Range": content_range}, timeout=60
        )
    assert done.status_code == 200

    status = client.wait(document["id"], 60)
    original = status["original"]
    assert (original["content_type"], original["bytes"]) == ("image/tiff", size)
    assert (original["width"], original["height"]) == (6000, 5560)
    large = next(thumb for thumb in client.thumbnails(status) if thumb.name == "1024")
    assert (large.width, large.height) == (1024, 949)


def test_a_client_that_meets_a_server_on_and_off_gets_its_file_there(client, url, tiff):
    document = announce(url, size=tiff.stat().st_size)
    send_and_vanish(document["upload"]["url"], tiff, 70 * MB)
    send(document["upload"]["url"], tiff)
    assert client.wait(document["id"], 60)["original"]["width"] == 6000


def put_there(cloud, name, data):
    """Put a blob into the bucket of originals, as any other program would."""
    answer = requests.post(
        f"{cloud.addresses.storage}/upload/storage/v1/b/quickthumb-originals/o",
        params={"uploadType": "media", "name": name},
        data=data,
        timeout=30,
    )
    blob = answer.json()
    source = f"quickthumb-originals/{name}#{blob['generation']}"
    return hashlib.sha256(source.encode()).hexdigest()[:32]


def wait_for(url, id):
    """Wait until an upload is known, which it is once it has ended."""
    for _ in range(300):
        answer = requests.get(f"{url}/{id}", params={"wait": 20}, timeout=40)
        if answer.ok:
            return answer.json()
        time.sleep(0.1)
    raise AssertionError(answer.text)


def test_a_picture_that_another_program_put_there_gets_its_thumbnails(cloud, url):
    id = put_there(cloud, "incoming/holiday/rocket.jpg", ROCKET.read_bytes())
    status = wait_for(url, id)
    assert status["status"] == "done"
    assert requests.get(url + status["thumbnails"]["256"]["href"], timeout=20).ok
    assert requests.delete(f"{url}/{id}", timeout=20).status_code == 204
    originals = f"{cloud.addresses.storage}/storage/v1/b/quickthumb-originals/o"
    listed = f"{originals}/incoming%2Fholiday%2Frocket.jpg"
    assert requests.get(listed, timeout=20).status_code == 404


def test_what_another_program_put_there_and_is_no_picture_has_failed(cloud, url):
    status = wait_for(url, put_there(cloud, "incoming/notes.txt", b"hello"))
    assert (status["status"], status["error"]["code"]) == ("failed", "not-a-picture")


def test_more_than_the_limit_is_failed_and_not_fetched(cloud, url):
    limit = requests.get(url, timeout=20).json()["max_original_bytes"]
    id = put_there(cloud, "incoming/huge.tif", bytes(limit + 1))
    status = wait_for(url, id)
    assert (status["status"], status["error"]["code"]) == ("failed", "too-many-bytes")
