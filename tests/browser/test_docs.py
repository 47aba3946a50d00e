"""The documentation at /docs in a browser."""

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait


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
