"""The page of docs/browser-uploads.md, at an origin of its own."""

import pytest
import requests
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT
from emulator.ports import HOST
from tests.browser.application import choose, recipe, serving
from tests.pictures import ROCKET

DOCUMENT = "browser-uploads.md"


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """Run the service and the application; return their URLs."""
    server, page = recipe(DOCUMENT, "python"), recipe(DOCUMENT, "html")
    with serving(tmp_path_factory.mktemp("application"), server, page) as urls:
        yield urls


def test_a_page_shows_the_thumbnail_of_a_picture_that_it_uploads_with_a_token(browser, application):
    service, origin = application
    id = choose(browser, origin, ROCKET)
    width = "return document.querySelector('img').naturalWidth"
    WebDriverWait(browser, 60).until(lambda _: browser.execute_script(width) == 256)
    status = requests.get(f"{service}/{id}", params={"wait": 30}, timeout=60).json()
    assert (status["status"], status["metadata"]) == ("done", {"user": "ada"})
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_page_is_told_why_a_file_is_refused(browser, application):
    _, origin = application
    assert "Unrecognised file format" in choose(browser, origin, ROOT / "README.md")


def test_neither_a_page_without_a_token_nor_one_of_another_origin_uploads(browser, application):
    service, origin = application
    script = """
        const done = arguments[2], form = new FormData();
        if (arguments[1]) form.append("token", arguments[1]);
        form.append("file", new Blob(["x"]), "a.png");
        fetch(arguments[0], {method: "POST", body: form})
          .then((answer) => answer.json(), (error) => ({code: String(error)}))
          .then((answer) => done(answer.code));
    """
    browser.get(origin)
    assert browser.execute_async_script(script, service, "") == "unauthorized"
    assert browser.execute_async_script(script, service, "forged") == "invalid-token"
    browser.get(origin.replace("localhost", HOST))
    assert "TypeError" in browser.execute_async_script(script, service, "")
