"""Upload widgets with their defaults on a page of another origin, as the documentation shows."""

import json
import mimetypes
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT
from emulator.ports import HOST
from tests.npm_packages import node_modules
from tests.pictures import ROCKET
from tests.running import running

SERVICE, CDN = "https://thumbs.example.com", "https://cdn.jsdelivr.net/npm/"
TEXT = (ROOT / "docs" / "widgets.md").read_text()
LOCKED = json.loads((ROOT / "tests" / "npm" / "package.json").read_text())["dependencies"]


def recipe(title, number=0):
    """Return a recipe under a heading of the documentation."""
    part = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```html\n(.*?)^```", part, re.MULTILINE | re.DOTALL)[number]


class App:
    """The application: a page, and the packages that it loads.

    Attributes:
        origin: of the page.
        page: its content.
    """

    def __init__(self):
        app = self
        packages = node_modules()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = urlsplit(self.path).path
                is_file = path.startswith("/npm/")
                file = packages / path.removeprefix("/npm/")
                data = file.read_bytes() if is_file else f"<!doctype html>{app.page}".encode()
                kind = mimetypes.guess_type(path)[0] if is_file else None
                self.send_response(200)
                self.send_header(
                    "Content-Type",
                    "text/javascript" if path.endswith("js") else kind or "text/html",
                )
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.page = ""
        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def app():
    app = App()
    yield app
    app.close()


@pytest.fixture(scope="module")
def service(app, tmp_path_factory):
    """Return the address of a service that allows the pages of the application."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUICKTHUMB_CORS_ORIGINS", app.origin)
        with running(tmp_path_factory.mktemp("data")) as addresses:
            yield addresses.upload


@pytest.fixture
def visit(browser, app, service):
    """Return a function that opens a recipe as a page of the application."""

    def visit(text):
        text = text.replace(SERVICE, service).replace("https://app.example.com", app.origin)
        app.page = text.replace(CDN, "/npm/")
        for name, version in re.findall(r"/npm/([a-z]+)@([0-9.]+)/", app.page):
            assert version == LOCKED[name]
            app.page = app.page.replace(f"{name}@{version}", name)
        browser.get(app.origin)

    return visit


def choose(browser, selector, *files):
    """Choose files, as soon as there is an input for them."""
    wait = WebDriverWait(browser, 60)
    [chosen, *_] = wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
    chosen.send_keys("\n".join(map(str, files)))


def pressed(browser, selector):
    wait = WebDriverWait(browser, 60)
    [button, *_] = wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
    wait.until(lambda _: button.is_displayed())
    browser.execute_script("arguments[0].click()", button)


def ids_shown(browser, service, count=1):
    """Return the ids of the uploads whose thumbnails the page shows, once it shows them."""
    script = """return [...document.images].filter((each) => each.src.startsWith(arguments[0]))
        .filter((each) => each.naturalWidth > 0).map((each) => [each.naturalWidth, each.src])"""
    wait = WebDriverWait(browser, 60)
    try:
        wait.until(lambda _: len(browser.execute_script(script, service)) == count)
    except Exception as error:
        raise AssertionError(browser.get_log("browser")) from error
    shown = browser.execute_script(script, service)
    assert {width for width, _ in shown} == {256}
    return [urlsplit(link).path.split("/")[1] for _, link in shown]


def status(service, id):
    return requests.get(f"{service}/{id}", timeout=20).json()


def test_uppy_uploads_with_its_defaults(browser, visit, service):
    visit(recipe("Uppy"))
    choose(browser, ".uppy-Dashboard-input", ROCKET)
    pressed(browser, ".uppy-StatusBar-actionBtn--upload")
    [id] = ids_shown(browser, service)
    assert status(service, id)["metadata"]["name"] == "rocket.jpg"


def test_uppy_uploads_several_files(browser, visit, service):
    visit(recipe("Uppy"))
    choose(browser, ".uppy-Dashboard-input", ROCKET, ROCKET.with_name("coffee.png"))
    pressed(browser, ".uppy-StatusBar-actionBtn--upload")
    assert len(set(ids_shown(browser, service, 2))) == 2


def test_uppy_sends_large_pictures_to_cloud_storage(browser, visit, service):
    visit(recipe("Uppy", 1))
    choose(browser, ".uppy-Dashboard-input", ROCKET)
    pressed(browser, ".uppy-StatusBar-actionBtn--upload")
    [id] = ids_shown(browser, service)
    assert status(service, id)["original"]["bytes"] == ROCKET.stat().st_size


def test_filepond_uploads_with_its_defaults_and_undoes_it(browser, visit, service):
    visit(recipe("FilePond"))
    choose(browser, "input.filepond--browser", ROCKET)
    [id] = ids_shown(browser, service)
    assert status(service, id)["metadata"] == {"filepond": "{}"}
    pressed(browser, ".filepond--action-revert-item-processing")
    gone = WebDriverWait(browser, 60)
    gone.until(lambda _: requests.get(f"{service}/{id}", timeout=20).status_code == 404)


def test_dropzone_uploads_with_its_defaults(browser, visit, service):
    visit(recipe("Dropzone"))
    choose(browser, ".dz-hidden-input", ROCKET, ROCKET.with_name("chelsea.png"))
    assert len(set(ids_shown(browser, service, 2))) == 2
    assert len(browser.find_elements(By.CSS_SELECTOR, ".dz-success")) == 2
    assert not browser.find_elements(By.CSS_SELECTOR, ".dz-error")


def test_a_widget_shows_why_a_file_was_refused(browser, visit):
    visit(recipe("Dropzone"))
    choose(browser, ".dz-hidden-input", ROOT / "README.md")
    wait = WebDriverWait(browser, 60)
    wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".dz-error"))


def test_a_plain_form_leads_to_the_page_of_the_application(browser, visit, app, service):
    visit(recipe("A plain form"))
    choose(browser, "input[type=file]", ROCKET)
    pressed(browser, "button")
    wait = WebDriverWait(browser, 60)
    wait.until(lambda _: browser.current_url.startswith(f"{app.origin}/done?album=7&id="))
    [id] = parse_qs(urlsplit(browser.current_url).query)["id"]
    assert status(service, id)["metadata"] == {"album": "7"}


def test_a_plain_form_without_a_page_leads_to_its_thumbnails(browser, visit, service):
    visit(
        re.sub(
            "<input type=.hidden.*\n",
            '<input name="sizes"> <input name="fit">',
            recipe("A plain form"),
        )
    )
    choose(browser, "input[type=file]", ROCKET)
    pressed(browser, "button")
    [id] = ids_shown(browser, service)
    assert browser.current_url == f"{service}/uploaded?id={id}"
    assert [entry["message"] for entry in browser.get_log("browser")] == []
