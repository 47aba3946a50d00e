"""No barriers that axe-core finds, in any state of the pages, light or dark."""

import os
import signal

import pytest
from selenium.webdriver.common.keys import Keys

from tests import needs
from tests.browser.wall import Wall
from tests.pictures import ROCKET, SAMPLES
from tests.vendored import AXE

LOOK = """
    const done = arguments[0];
    const rules = { "target-size": { enabled: true } };
    axe.run(document, { resultTypes: ["violations"], rules }).then(({ violations }) => done(
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 200), ...[...any, ...all, ...none].map(({ message }) => message)]))));
"""


def barriers(browser):
    """Return what axe finds in the page as it is, in light and in dark colours."""
    if not browser.execute_script("return Boolean(window.axe)"):
        browser.execute_script(AXE.read("axe.min.js").decode())
    browser.set_script_timeout(60)
    found = []
    for scheme in ("light", "dark"):
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # nothing is half transparent
        ]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        found += [[scheme, *each] for each in browser.execute_async_script(LOOK)]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return found


@pytest.fixture
def page(browser, url):
    return Wall(browser, url)


def test_axe_finds_what_is_wrong(browser):
    """If this fails, the other tests prove nothing."""
    browser.get("data:text/html,<title>x</title><html lang=en><main><h1>x</h1><select></select>")
    assert {rule for _, rule, *_ in barriers(browser)} == {"select-name"}


def test_the_empty_page_has_no_barriers(page):
    assert barriers(page.browser) == []


def test_the_options_and_their_mistakes_have_no_barriers(page):
    page.run("document.querySelector('[name=fit]').value = 'cover'")
    page.sizes("many")
    assert page.one("#sizes-wrong").text
    assert barriers(page.browser) == []


@needs.posix("signals")
def test_pictures_in_every_state_have_no_barriers(page, tmp_path, shared_cloud):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    page.choose(ROCKET, text)
    page.settle("done", "failed")
    os.killpg(shared_cloud.pids()["resize"], signal.SIGSTOP)
    try:
        page.choose(SAMPLES / "coffee.png")
        page.wait(lambda: page.states[0] == "making")
        page.slow_down(20_000)
        page.choose(SAMPLES / "chelsea.png")
        page.wait(lambda: page.states[0] == "sending")
        assert barriers(page.browser) == []
        page.go_offline()
        page.wait(lambda: page.states[0] == "waiting" and page.one("#line").is_displayed())
        assert barriers(page.browser) == []
    finally:
        os.killpg(shared_cloud.pids()["resize"], signal.SIGCONT)


def test_the_large_view_and_its_comparison_have_no_barriers(page):
    page.sizes("64, 128")
    page.choose(ROCKET)
    page.settle("done")
    page.one(".shot").click()
    assert barriers(page.browser) == []
    page.one(".compare-button").click()
    assert barriers(page.browser) == []


def test_the_offer_to_undo_has_no_barriers(page):
    page.choose(ROCKET)
    page.settle("done")
    page.one(".tool.delete").click()
    page.one("#undo button").send_keys(Keys.NULL)  # has the focus, so it stays
    assert barriers(page.browser) == []


def test_the_field_for_the_key_has_no_barriers(page):
    page.run("document.querySelector('#key').hidden = false")
    assert barriers(page.browser) == []


def test_the_documentation_has_no_barriers(browser, url):
    browser.get(f"{url}/docs")
    docs = Wall.__new__(Wall)
    docs.browser = browser
    docs.wait(lambda: docs.all("#operations-service-getHealth"))
    assert barriers(browser) == []
    for id in ("uploads-createUpload", "uploads-deleteUpload", "service-getHealth"):
        docs.one(f"#operations-{id} .opblock-summary-control").click()
    docs.wait(lambda: len(docs.all(".execute")) == 3)
    docs.one("#operations-service-getHealth .execute").click()
    docs.wait(lambda: docs.all(".live-responses-table"))
    assert barriers(browser) == []
