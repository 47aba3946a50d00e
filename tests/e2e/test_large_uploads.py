"""Pictures that go to Cloud Storage directly, through real processes."""

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image

from emulator.bootstrap import ROOT
from emulator.client import send_to_session
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


@contextmanager
def cutting(target, count):
    """Give the port of a way to a server, and after how many bytes a connection still breaks."""
    breaks = [count]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):  # the listener is closed
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(target)
                    pass_on = partial(threading.Thread, target=copy, daemon=True)
                    pass_on(args=(client, server, breaks)).start()
                    pass_on(args=(server, client, [])).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], breaks
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def copy(source, target, breaks):
    """Pass on what comes; break both connections after a number of bytes, if none did before."""
    passed = 0
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
            passed += len(data)
            if breaks and passed >= breaks[0]:
                breaks.clear()
                break
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()  # what is still sent is refused


def documented_client():
    """Return the function `send` of the client in the documentation."""
    text = (ROOT / "docs" / "large-uploads.md").read_text()
    [code] = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = {"__name__": "client"}
    exec(code, names)  # noqa: S102 - it is what readers run
    return names["send"], code


@pytest.mark.parametrize("whose", ["the emulator's", "the documentation's"])
def test_a_client_goes_on_where_its_connection_broke(client, url, tiff, whose):
    transfer = send_to_session if whose == "the emulator's" else documented_client()[0]
    document = announce(url, size=tiff.stat().st_size)
    parts = urlsplit(document["upload"]["url"])
    with cutting((parts.hostname, parts.port), CUT) as (port, breaks):
        transfer(parts._replace(netloc=f"127.0.0.1:{port}").geturl(), tiff)
        assert not breaks
    assert client.wait(document["id"], 60)["original"]["width"] == 6000


def test_the_documented_client_does_all_of_it(url, tmp_path):
    script = tmp_path / "large.py"
    script.write_text(documented_client()[1])
    result = subprocess.run(
        [sys.executable, script, url, ROCKET], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["status"] == "done"


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


def test_an_invalid_file_of_another_program_has_failed(cloud, url):
    status = wait_for(url, put_there(cloud, "incoming/notes.txt", b"hello"))
    assert (status["status"], status["error"]["code"]) == ("failed", "not-a-picture")


def test_more_than_the_limit_is_failed_and_not_fetched(cloud, url):
    limit = requests.get(url, timeout=20).json()["max_original_bytes"]
    id = put_there(cloud, "incoming/huge.tif", bytes(limit + 1))
    status = wait_for(url, id)
    assert (status["status"], status["error"]["code"]) == ("failed", "too-many-bytes")
