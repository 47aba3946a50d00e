"""Untrusted text (names, options, paths) never runs in a browser."""

from urllib.parse import quote

import pytest
import requests
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.wall import Wall
from tests.pictures import ROCKET, picture

SCRIPTS = [
    "<img src=x onerror=window.ran=1>",
    "\"><svg onload='window.ran=1'>",
    "'-(window.ran=1)-'",
    "<script>window.ran=1<\\script>",
    "javascript:window.ran=1",
    "{{constructor.constructor('window.ran=1')()}}",
]

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def ran(browser):
    return browser.execute_script("return window.ran !== undefined")


def test_the_page_shows_names_and_options_as_they_are_and_runs_none_of_them(browser, url, tmp_path):
    names = [f"{script} {number}.jpg".replace("/", "") for number, script in enumerate(SCRIPTS)]
    for name in names:
        (tmp_path / name).write_bytes(ROCKET.read_bytes())
    paths = [tmp_path / name for name in names]
    page = Wall(browser, url)
    page.sizes("32")
    page.choose(*paths)
    page.settle(*["done"] * len(names))
    assert page.names == names
    assert len(page.all(".card img")) == 2 * len(names)  # a placeholder and a thumbnail each
    assert not ran(browser)
    assert page.complaints() == []  # nothing was blocked either

    page.sizes(SCRIPTS[0])
    assert SCRIPTS[0] in page.one("#sizes-wrong").text
    assert not page.all("#options img")
    assert not ran(browser)


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_address_of_the_service_runs_what_is_in_it(browser, url, script):
    hostile = quote(script, safe="")
    answer = requests.post(
        url, files={"file": (script, picture())}, data={"sizes": "32"}, timeout=60
    )
    id = answer.json()["id"]
    thumbnail = requests.get(f"{url}/{id}/32?wait=30&download=1", timeout=60)
    assert thumbnail.headers["content-disposition"].startswith("attachment; ")
    for path in (
        f"{id}?wait=20",  # the status, which has the name
        f"{id}?wait={hostile}",
        f"{id}/{hostile}",
        hostile,
        f"problems/{hostile}",
        f"web/{hostile}",
        f"openapi.json?v={hostile}",
        f"?{hostile}={hostile}#{hostile}",
        f"docs?url=data:application/json,{hostile}&configUrl={hostile}#/{hostile}",
    ):
        browser.get(f"{url}/{path}")
        assert not ran(browser), path


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_page_says_what_may_run_on_it_and_who_may_frame_it(browser, url, path, shared_cloud):
    storage = f" {shared_cloud.addresses.storage}" if path == "/" else ""  # for large uploads
    headers = requests.get(url + path, headers={"Accept": "text/html"}, timeout=20).headers
    directives = (part.partition(" ") for part in headers["content-security-policy"].split("; "))
    assert {name: sources for name, _, sources in directives} == {
        **POLICY,
        "connect-src": f"'self'{storage}",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"

    browser.get(url + path)
    browser.execute_script(
        """
        const image = document.createElement("img");
        image.setAttribute("onerror", "window.ran = 1");
        document.body.append(image);
        image.src = "/web/nothing";
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.body.append(script);
        """
    )
    refused = "violates the following Content Security Policy directive"
    WebDriverWait(browser, 60).until(
        lambda _: sum(refused in entry["message"] for entry in browser.get_log("browser")) >= 1
    )
    assert not ran(browser)


def test_no_page_can_be_framed(browser, url):
    browser.get(f"{url}/openapi.json")
    browser.execute_script(
        """
        document.body.innerHTML = "";
        const frame = document.createElement("iframe");
        frame.src = "/docs";
        document.body.append(frame);
        """
    )
    WebDriverWait(browser, 60).until(
        lambda _: any("frame-ancestors" in entry["message"] for entry in browser.get_log("browser"))
    )
