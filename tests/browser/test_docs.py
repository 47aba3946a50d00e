"""The documentation at /docs in a browser."""

import json

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.pictures import ROCKET, size_of


def test_the_documentation_shows_every_operation_and_tries_one_out(browser, url):
    browser.get(f"{url}/docs")
    wait = WebDriverWait(browser, 60)

    def all_of(selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    wait.until(lambda _: all_of("#operations-service-getHealth"))
    script = "return (await (await fetch('/openapi.json')).json()).paths"
    paths = browser.execute_async_script(
        f"(async () => {{ {script} }})().then(arguments[arguments.length - 1])"
    )
    operations = [
        operation["operationId"]
        for item in paths.values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    shown = [element.get_attribute("id") for element in all_of(".opblock")]
    assert sorted(id.rpartition("-")[2] for id in shown) == sorted(operations)
    [health] = all_of("#operations-service-getHealth .opblock-summary-control")
    health.click()
    wait.until(lambda _: all_of("#operations-service-getHealth .execute"))[0].click()
    wait.until(lambda _: all_of("#operations-service-getHealth .live-responses-table"))
    [answer] = all_of("#operations-service-getHealth .live-responses-table")
    assert "200" in answer.text
    assert '"status": "ok"' in answer.text
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def opened(browser, url, name):
    """Return an operation on the page, opened."""
    browser.get(f"{url}/docs")
    wait = WebDriverWait(browser, 60)
    wait.until(lambda _: browser.find_elements(By.ID, f"operations-uploads-{name}"))
    operation = browser.find_element(By.ID, f"operations-uploads-{name}")
    operation.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
    wait.until(lambda _: operation.find_elements(By.CSS_SELECTOR, ".execute"))
    return operation


@pytest.fixture
def upload(browser, url):
    """Return the operation `POST /`, opened."""
    return opened(browser, url, "createUpload")


def executed(browser, operation):
    """Press Execute; return the document in the response, once there is one."""
    operation.find_element(By.CSS_SELECTOR, ".execute").click()
    shown = ".live-responses-table .highlight-code > :not(button) code"
    wait = WebDriverWait(browser, 60)
    wait.until(lambda _: operation.find_elements(By.CSS_SELECTOR, shown))
    return json.loads(operation.find_element(By.CSS_SELECTOR, shown).text)


def clear(operation):
    operation.find_element(By.CSS_SELECTOR, ".btn-clear").click()


def thumbnail(url, receipt, name):
    link = receipt["links"]["thumbnails"][name]
    return size_of(requests.get(f"{url}{link}?wait=30", timeout=60).content)


def test_a_chosen_file_is_uploaded_as_it_is_each_time_that_one_presses_execute(
    browser, url, upload
):
    upload.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(ROCKET))
    first = executed(browser, upload)
    assert first.keys() == {"id", "status", "links"}
    assert list(first["links"]["thumbnails"]) == ["256"]
    assert thumbnail(url, first, "256") == (256, 171)
    clear(upload)
    assert executed(browser, upload)["id"] != first["id"]


def test_an_option_may_be_filled_in_once_in_the_form_or_in_the_query(browser, url, upload):
    upload.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(ROCKET))
    [query] = upload.find_elements(By.CSS_SELECTOR, "tr[data-param-name=sizes] input")
    [form] = upload.find_elements(
        By.CSS_SELECTOR, "tr[data-property-name=quality] input[type=text]"
    )
    query.send_keys("32,64")
    form.send_keys("50")
    receipt = executed(browser, upload)
    assert list(receipt["links"]["thumbnails"]) == ["32", "64"]
    assert thumbnail(url, receipt, "32") == (32, 21)


def test_the_page_links_to_its_document(browser, url, upload):
    [link] = browser.find_elements(By.CSS_SELECTOR, ".info a[href$='/openapi.json']")
    assert link.is_displayed()


def test_an_announcement_is_tried_out_with_its_example(browser, url):
    receipt = executed(browser, opened(browser, url, "announceUpload"))
    assert receipt["upload"]["method"] == "PUT"
    assert list(receipt["links"]["thumbnails"]) == ["256", "1024"]
