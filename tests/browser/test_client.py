"""The page of docs/clients.md at an origin of its own: it imports the client from the service."""

import re

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT
from tests.browser.application import choose, recipe, serving
from tests.pictures import ROCKET, picture


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """Run the service and an application with the page; return their URLs."""
    server = recipe("browser-uploads.md", "python").replace("10_000_000", "100_000_000")
    page = recipe("clients.md", "html")
    with serving(tmp_path_factory.mktemp("application"), server, page) as urls:
        yield urls


def test_a_page_uploads_with_progress_and_shows_the_thumbnail(browser, application):
    service, origin = application
    id = choose(browser, origin, ROCKET)
    script = "return document.querySelector('img').currentSrc"
    WebDriverWait(browser, 60).until(lambda _: browser.execute_script(script))
    assert browser.execute_script(script) == f"{service}/{id}/256"
    assert browser.execute_script("return document.querySelector('progress').value") == 1
    assert requests.get(f"{service}/{id}", timeout=30).json()["metadata"] == {"user": "ada"}
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_page_sends_a_large_picture_to_storage_and_sees_each_step(browser, application, tmp_path):
    service, origin = application
    path = tmp_path / "scan.bmp"
    path.write_bytes(picture(4000, 3000, "BMP"))
    assert path.stat().st_size > 2**25
    browser.get(origin)
    browser.execute_script(
        """
        window.seen = new Set();
        const bar = document.querySelector("progress");
        new MutationObserver(() => seen.add(bar.value)).observe(bar, { attributes: true });
        """
    )
    browser.find_element(By.CSS_SELECTOR, "input").send_keys(str(path))
    said = browser.find_element(By.CSS_SELECTOR, "p")
    WebDriverWait(browser, 120).until(lambda _: said.text)
    assert re.fullmatch("[0-9a-f]{32}", said.text)
    status = requests.get(f"{service}/{said.text}", params={"wait": 30}, timeout=60).json()
    assert (status["status"], status["original"]["bytes"]) == ("done", path.stat().st_size)
    assert browser.execute_script("return seen.size") >= 4


def test_a_page_is_told_what_to_do_about_a_file_that_is_no_picture(browser, application):
    _, origin = application
    said = choose(browser, origin, ROOT / "README.md")
    assert "Unrecognised file format" in said
    assert "repeating it will not help" in said
