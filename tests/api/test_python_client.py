"""The Python client that a service hands out, against that service."""

import asyncio
import importlib.util
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
import requests

from emulator.ports import HOST
from tests.pictures import ROCKET, picture, size_of
from tests.running import running

KEY, SIGNING_KEY = "of the application, and nobody else", "it signs addresses" * 3


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Run a service with everything that the clients can do; return its URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUICKTHUMB_API_KEYS", sha256(KEY.encode()).hexdigest())
        patch.setenv("QUICKTHUMB_TOKEN_SECRETS", "of the service and of nobody else")
        patch.setenv("QUICKTHUMB_SIGNING_KEYS", SIGNING_KEY)
        with running(tmp_path_factory.mktemp("service") / "data") as addresses:
            yield addresses.upload


@pytest.fixture(scope="module")
def module(service, tmp_path_factory):
    """Return the client, as it is downloaded from the service."""
    path = tmp_path_factory.mktemp("client") / "quickthumb_client.py"
    path.write_bytes(requests.get(f"{service}/web/quickthumb_client.py", timeout=30).content)
    spec = importlib.util.spec_from_file_location("quickthumb_client", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def client(module, service):
    with module.QuickThumb(service, KEY, signing_key=SIGNING_KEY) as client:
        yield client


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Give a picture of more than 32 MiB."""
    path = tmp_path_factory.mktemp("large") / "scan.bmp"
    path.write_bytes(picture(4000, 3000, "BMP"))
    assert path.stat().st_size > 2**25
    return path


class Unreliable:
    """A server in front of another that breaks each of the first connections after some bytes."""

    def __init__(self, target, after):
        self._target = target
        self._after = list(after)
        self._server = socket.create_server((HOST, 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._server.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            left = self._after.pop(0) if self._after else None
            threading.Thread(target=self._pass, args=[near, left], daemon=True).start()

    def _pass(self, near, left):
        with near, socket.create_connection(self._target) as far:
            back = threading.Thread(target=self._copy, args=[far, near, None], daemon=True)
            back.start()
            self._copy(near, far, left)
            if left is not None:
                far.shutdown(socket.SHUT_WR)
                near.shutdown(socket.SHUT_RDWR)
            back.join()

    @staticmethod
    def _copy(source, target, left):
        try:
            while data := source.recv(65536):
                target.sendall(data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        return
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@pytest.fixture
def unreliable(service):
    opened = []

    def start(url, *after):
        address = url.removeprefix("http://").split("/")[0].split(":")
        opened.append(Unreliable((address[0], int(address[1])), after))
        return url.replace(":".join(address), f"{HOST}:{opened[-1].port}")

    yield start
    for each in opened:
        each.close()


def test_a_picture_is_uploaded_awaited_shown_and_deleted(client):
    seen = []
    upload = client.upload(
        ROCKET, sizes=[64, 256], metadata={"album": "7"}, progress=lambda *at: seen.append(at)
    )
    status = client.wait(upload.id)
    assert (status.state, status.metadata) == ("done", {"album": "7"})
    assert status.placeholder.startswith("data:image/")
    assert size_of(client.download(upload.links["64"])) == (64, 43)
    assert client.srcset(status) == (
        f"{client.url}/{upload.id}/64 64w, {client.url}/{upload.id}/256 256w"
    )
    assert client.link(upload, "64") == f"{client.url}/{upload.id}/64"
    size = ROCKET.stat().st_size
    assert seen[-1] == (size, size)
    assert client.delete(upload.id) is True
    assert client.delete(upload.id) is False


def test_bytes_and_open_files_are_pictures_too(client):
    for each in (ROCKET.read_bytes(), ROCKET.open("rb"), str(ROCKET)):
        assert client.wait(client.upload(each, filename='a "b"\n.jpg').id).state == "done"
        if hasattr(each, "close"):
            each.close()


def test_a_problem_says_its_type_and_what_to_do(module, client, service):
    with pytest.raises(module.Problem) as raised:
        client.upload(b"no picture")
    problem = raised.value
    assert (problem.status, problem.code, problem.type) == (
        *(415, "not-a-picture"),
        "/problems/not-a-picture",
    )
    assert "repeating it will not help" in problem.advice
    with pytest.raises(module.Problem) as raised:
        client.upload(ROCKET, sizes=[5000])
    assert raised.value.advice == "Change sizes: repeating it will not help."
    with pytest.raises(module.Problem) as raised:
        module.QuickThumb(service).upload(ROCKET)
    assert raised.value.advice.startswith("Give a valid API key")


def test_a_job_that_fails_says_why(module, client):
    damaged = ROCKET.read_bytes()[:20_000]
    with pytest.raises(module.JobFailed) as raised:
        client.wait(client.upload(damaged).id)
    assert raised.value.code == "corrupt"


def test_a_large_picture_goes_to_storage_directly_and_is_resumed_where_it_broke_off(
    client, large, unreliable
):
    size = large.stat().st_size
    seen = []
    session = client.announce(size, filename="scan.bmp", sizes=[64])
    broken = unreliable(session.url, 10_000_000, 5_000_000)
    client.send(broken, large, progress=lambda *at: seen.append(at))
    assert size_of(client.download(session.links["64"])) == (64, 48)
    beginnings = [at for at, _ in seen if at == 2**18]
    assert len(beginnings) == 1
    assert len(seen) > len({at for at, _ in seen}) + 1  # some was sent again
    assert seen[-1] == (size, size)


def test_a_large_picture_is_uploaded_as_any_other(client, large):
    upload = client.upload(large, sizes=[64], metadata={"a": "b"})
    assert client.wait(upload.id).metadata == {"a": "b"}


def test_a_session_is_finished_by_another_process_after_a_crash(module, client, service, large):
    session = client.announce(large.stat().st_size, sizes=[64])
    half = large.read_bytes()[: 4 * 2**20]
    head = {"Content-Range": f"bytes 0-{len(half) - 1}/{large.stat().st_size}"}
    assert requests.put(session.url, half, headers=head, timeout=60).status_code == 308
    seen = []
    with module.QuickThumb(service) as other:
        other.send(session.url, large, progress=lambda *at: seen.append(at))
        other.wait(session.id)
    assert seen[0][0] > len(half)


def test_a_broken_connection_makes_one_upload_not_two(module, service, unreliable):
    with module.QuickThumb(unreliable(service, 50_000, 2_000), KEY) as client:
        upload = client.upload(ROCKET, idempotency_key="one")
    with module.QuickThumb(service, KEY) as client:
        assert client.upload(ROCKET, idempotency_key="one").id == upload.id


def test_nobody_there_is_said_after_some_attempts(module):
    with socket.create_server((HOST, 0)) as reserved:
        url = f"http://{HOST}:{reserved.getsockname()[1]}"
    with pytest.raises(module.Unreachable, match="does not answer"):
        module.QuickThumb(url, tries=2).upload(ROCKET)


def test_more_thumbnails_are_asked_for_later_and_by_signed_address(module, client):
    upload = client.upload(ROCKET, sizes=[64])
    client.wait(upload.id)
    more = client.more(upload.id, sizes=[96], fit="cover")
    [link] = more.links.values()
    assert size_of(client.download(link)) == (96, 96)
    url = client.signed(upload.id, "40x30.webp", fit="cover", focus=(0.5, 0.25))
    assert size_of(requests.get(url, timeout=60).content) == (40, 30)
    assert size_of(client.download(url)) == (40, 30)
    forged = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert requests.get(forged, timeout=60).status_code == 403
    with pytest.raises(ValueError, match="signing_key"):
        module.QuickThumb(client.url).signed(upload.id, "40")


def test_the_srcset_of_negotiated_thumbnails_names_each_width_once(client):
    upload = client.upload(ROCKET, sizes=[64, 96], format="negotiate")
    srcset = client.srcset(client.wait(upload.id))
    base = f"{client.url}/{upload.id}"
    assert srcset == f"{base}/64 64w, {base}/96 96w"


def test_the_srcset_names_no_single_format_of_negotiated_thumbnails_with_options(client):
    upload = client.upload(ROCKET, sizes=[64])
    more = client.more(upload.id, sizes=[96], format="negotiate", quality=70)
    for link in more.links.values():
        client.download(link)
    base = f"{client.url}/{upload.id}"
    expected = f"{base}/64 64w, {base}/96-negotiate-q70 96w"
    assert client.srcset(client.wait(upload.id)) == expected


def test_a_token_allows_what_it_says(module, client, service):
    token = client.token(options={"sizes": [64]}, metadata={"user": "ada"})
    with module.QuickThumb(service, token) as page:
        upload = page.upload(ROCKET)
        with pytest.raises(module.Problem) as raised:
            page.upload(picture())
    assert raised.value.advice == "Get a new upload token."
    status = client.wait(upload.id)
    assert (list(status.links), status.metadata) == (["64"], {"user": "ada"})


def test_closing_ends_calls_of_other_threads(module, service):
    with socket.create_server((HOST, 0)) as silent, ThreadPoolExecutor(1) as pool:
        client = module.QuickThumb(f"http://{HOST}:{silent.getsockname()[1]}")
        call = pool.submit(client.wait, "0" * 32, 300)
        silent.accept()
        time.sleep(0.1)  # it reads
        client.close()
        with pytest.raises(module.Stopped):
            call.result()


def test_coroutines_upload_at_the_same_time(module, service):
    async def story():
        seen = []
        async with module.AsyncQuickThumb(service, KEY) as client:

            async def one(size):
                upload = await client.upload(
                    ROCKET, sizes=[size], progress=lambda *at: seen.append(at)
                )
                status = await client.wait(upload.id)
                data = await client.download(client.link(upload, str(size)))
                return client.srcset(status), size_of(data)

            results = await asyncio.gather(*map(one, range(60, 72)))
            gone = [await client.delete("0" * 32)]
        return seen, results, gone

    seen, results, gone = asyncio.run(story())
    assert [size[0] for _, size in results] == list(range(60, 72))
    assert all(srcset.endswith(f"{at}w") for at, (srcset, _) in enumerate(results, 60))
    assert len(seen) >= 12
    assert gone == [False]


def test_coroutines_have_the_methods_of_the_client(module):
    def methods(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    made_in_the_constructor = {"link", "srcset", "signed", "limit"}
    assert methods(module.QuickThumb) - made_in_the_constructor == methods(module.AsyncQuickThumb)


def test_a_file_that_cannot_be_read_is_an_os_error(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.upload(tmp_path / "missing.jpg")
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as file, pytest.raises(OSError, match="seek"):
        client.upload(file)
