"""A malicious web page in the browser of somebody who runs the emulator."""

import base64
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from emulator.parts.storage import server_binary
from emulator.ports import HOST, answers, free_port
from tests.pictures import ROCKET

EVIL = "evil.test"
BUCKET = "quickthumb-originals"

# Makes requests, and returns the result of each: status and text if a script may read them.
ATTACK = """
const [requests, done] = [arguments[0], arguments[1]];
(async () => {
  const told = [];
  for (const [method, url, options] of requests) {
    try {
      const answer = await fetch(url, {method, ...options});
      told.push([answer.type, answer.status, await answer.text()]);
    } catch (error) {
      told.push(["error", 0, String(error)]);
    }
  }
  done(told);
})();
"""


@pytest.fixture
def cloud(shared_cloud):
    return shared_cloud


@pytest.fixture(scope="module")
def page():
    """Return the URL of the attacker's page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Win a prize</title>")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://{EVIL}:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory):
    """Return the URL of a storage server without a front, with one original."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    command = [
        *(str(server_binary()), "-scheme", "http", "-host", HOST, "-port", str(port)),
        *("-filesystem-root", str(tmp_path_factory.mktemp("unguarded")), "-log-level", "warn"),
        *("-external-url", url, "-public-host", f"{HOST}:{port}"),
    ]
    server = subprocess.Popen(command)
    while not answers(port):
        assert server.poll() is None
        time.sleep(0.02)
    requests.post(f"{url}/storage/v1/b", json={"name": BUCKET}, timeout=20)
    requests.post(
        f"{url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=secret", data=b"x", timeout=20
    )
    yield url
    server.kill()
    server.wait()


@pytest.fixture
def original(cloud):
    """Return the id of an upload."""
    with ROCKET.open("rb") as file:
        answer = requests.post(cloud.addresses.upload, files={"file": file}, timeout=30)
    id = answer.json()["id"]
    status = requests.get(f"{cloud.addresses.upload}/{id}?wait=30", timeout=60).json()
    assert status["status"] == "done"
    return id


def attack(browser, page, *attempts):
    """Make requests in the script of a page; return the results."""
    browser.get(page)
    browser.set_script_timeout(60)
    return browser.execute_async_script(ATTACK, list(attempts))


def reading(storage, name):
    """Return requests that list buckets, read ids, write, and delete an original."""
    blobs = f"{storage}/storage/v1/b/{BUCKET}/o"
    upload = f"{storage}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=planted"
    yield "GET", f"{storage}/storage/v1/b", {}
    yield "GET", blobs, {}
    yield "GET", f"{blobs}/{name}?alt=media", {}
    yield "POST", upload, {"body": "planted"}
    yield "POST", f"{upload}2", {"body": "planted", "mode": "no-cors"}
    yield "DELETE", f"{blobs}/{name}", {}


def exists(storage, name):
    return requests.get(f"{storage}/storage/v1/b/{BUCKET}/o/{name}", timeout=20).ok


def job(cloud, id):
    """Return the job of an upload, as pushed by Pub/Sub."""
    blob = requests.get(
        f"{cloud.addresses.storage}/storage/v1/b/{BUCKET}/o/{id}", timeout=20
    ).json()
    document = {
        **{"id": id, "bucket": BUCKET, "name": id, "generation": int(blob["generation"])},
        "filename": blob["metadata"]["filename"],
        "renditions": json.loads(blob["metadata"]["renditions"]),
    }
    data = base64.b64encode(json.dumps(document).encode()).decode()
    message = {"data": data, "attributes": {"schema": "1"}, "messageId": "1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"})


def manifest(cloud, id):
    storage = cloud.addresses.storage
    return f"{storage}/storage/v1/b/quickthumb-processed/o/{id}%2Fmanifest.json"


def test_without_the_front_a_page_reads_and_deletes(browser, page, unguarded):
    """The attack that the other tests prevent: if this fails, they prove nothing."""
    told = attack(browser, page, *reading(unguarded, "secret"))
    assert [status for _, status, _ in told] == [200, 200, 200, 200, 0, 200]
    assert '"name":"secret"' in told[1][2]
    assert not exists(unguarded, "secret")
    assert exists(unguarded, "planted")
    assert exists(unguarded, "planted2")


def test_a_page_gets_nothing_out_of_storage_nor_into_it(browser, page, cloud, original):
    storage = cloud.addresses.storage
    told = attack(browser, page, *reading(storage, original))
    assert [(kind, status) for kind, status, _ in told] == [
        *(("error", 0), ("error", 0), ("error", 0), ("error", 0), ("opaque", 0), ("error", 0))
    ]
    assert exists(storage, original)
    assert not exists(storage, "planted")
    assert not exists(storage, "planted2")


def test_a_page_whose_name_comes_to_lead_here_gets_nothing(browser, cloud, original):
    """DNS rebinding: the browser takes the storage server for the page's own."""
    storage = cloud.addresses.storage.replace(HOST, EVIL)
    told = attack(browser, f"{storage}/storage/v1/b", *reading(storage, original))
    assert {(kind, status) for kind, status, _ in told[:4]} == {("basic", 403)}
    assert original not in browser.page_source
    assert not any(original in text for _, _, text in told)
    assert exists(cloud.addresses.storage, original)
    assert not exists(cloud.addresses.storage, "planted")


@pytest.mark.parametrize("function", ["resize", "bury"])
def test_a_page_cannot_forge_a_job(browser, page, cloud, original, function):
    """It can send one without a preflight, but the function refuses it."""
    wait_for(cloud, function)
    body = job(cloud, original)
    requests.delete(manifest(cloud, original), timeout=20).raise_for_status()
    told = attack(
        browser,
        page,
        ("POST", cloud.addresses.functions[function], {"body": body, "mode": "no-cors"}),
        ("POST", cloud.addresses.functions[function], {"body": body}),
    )
    assert [kind for kind, _, _ in told] == ["opaque", "error"]
    # After DNS rebinding, the page can send anything, and read the response.
    own = cloud.addresses.functions[function].replace(HOST, EVIL)
    as_json = {"body": body, "headers": {"Content-Type": "application/json"}}
    told = attack(browser, own, ("POST", own, as_json))
    assert [(kind, status) for kind, status, _ in told] == [("basic", 401)]
    assert requests.get(manifest(cloud, original), timeout=20).status_code == 404
    by_pubsub = requests.post(
        cloud.addresses.functions[function],
        data=body,
        headers={"Content-Type": "application/json", **cloud.authorization(function)},
        timeout=60,
    )
    assert by_pubsub.ok
    assert requests.get(manifest(cloud, original), timeout=20).ok


def wait_for(cloud, function):
    """Wait for a function for which the start of the cloud does not wait."""
    port = int(cloud.addresses.functions[function].rpartition(":")[2])
    end = time.monotonic() + 60
    while not answers(port):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_page_gets_nothing_out_of_the_other_servers(browser, page, cloud):
    addresses = cloud.addresses
    for name in addresses.functions:
        wait_for(cloud, name)
    topics = f"http://{addresses.pubsub}/v1/projects/evil/topics"
    told = attack(
        browser,
        page,
        ("GET", addresses.keys, {}),
        ("GET", topics, {}),
        ("PUT", f"{topics}/planted", {"body": "{}"}),
        *(("GET", url, {}) for url in addresses.functions.values()),
        *(("POST", url, {"body": "x"}) for url in addresses.functions.values()),
    )
    assert {(kind, status) for kind, status, _ in told} == {("error", 0)}
    assert requests.get(topics, timeout=20).json() == {}


def test_a_page_of_this_machine_may_use_storage(browser, page, cloud, original):
    """Such as a tool that shows the contents of buckets."""
    local = page.replace(EVIL, "localhost")
    url = f"{cloud.addresses.storage}/storage/v1/b/{BUCKET}/o"
    [(kind, status, text), *_] = attack(browser, local, ("GET", url, {}))
    assert (kind, status) == ("cors", 200)
    assert original in text
