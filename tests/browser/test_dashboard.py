"""The dashboard of a running `up`, used as people use it."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from emulator.bootstrap import ROOT
from emulator.ports import HOST, free_port
from emulator.running import find
from tests.browser.elsewhere import another_page
from tests.e2e.commands import up
from tests.pictures import picture
from tests.vendored import AXE

STATIC = ROOT / "emulator" / "dashboard" / "static"
MOST_BYTES = 100_000
MOST_SECONDS = 90

LOOK = """
    const done = arguments[0];
    const rules = { "target-size": { enabled: true } };
    axe.run(document, { resultTypes: ["violations"], rules }).then(({ violations }) => done(
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 200), ...[...any, ...all, ...none].map(({ message }) => message)]))));
"""
ATTACK = """
    const [url, done] = arguments;
    const attempts = [
      ["GET", "/api/state"], ["GET", "/api/events"], ["GET", "/api/letters"],
      ["POST", "/api/actions/purge"], ["POST", "/api/actions/scale"],
    ];
    (async () => {
      const told = [];
      for (const mode of ["cors", "no-cors"]) for (const [method, path] of attempts) {
        const purge = '{"all": true, "function": "resize", "instances": 7}';
        const body = method === "POST" ? purge : null;
        const kind = mode === "cors" ? "application/json" : "text/plain";
        const headers = body ? {"Content-Type": kind} : {};
        try {
          const answer = await fetch(url + path, {method, mode, body, headers});
          told.push([answer.type, answer.status, await answer.text()]);
        } catch (error) { told.push(["error", 0, ""]); }
      }
      done(told);
    })();
"""


class Dashboard:
    """The page, and the API behind it."""

    def __init__(self, browser, addresses) -> None:
        self.browser = browser
        self.url = addresses.dashboard
        self.service = addresses.upload

    def open(self, place=""):
        self.browser.get("about:blank")
        self.browser.get(f"{self.url}/{place}")
        self.until(lambda: self.text("#connection") == "live" and self.one("#drawing .function"))
        return self

    def one(self, selector):
        found = self.browser.find_elements(By.CSS_SELECTOR, selector)
        return found[0] if found else None

    def text(self, selector) -> str:
        """Return the text of the first element, empty if there is none."""
        read = "return document.querySelector(arguments[0])?.textContent ?? ''"
        return str(self.browser.execute_script(read, selector))

    def press(self, label, within="body"):
        """Press a button in the element with an id or name, by its text or its label."""
        inside = f"//*[@id='{within}' or name()='{within}']"
        xpath = f"{inside}//button[@aria-label='{label}' or normalize-space()='{label}']"
        shown = [
            each for each in self.browser.find_elements(By.XPATH, xpath) if each.is_displayed()
        ]
        assert shown, f"no button {label!r}"
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown[0])
        shown[0].click()

    def until(self, condition):
        """Wait until something is true, and return it."""
        end = time.monotonic() + MOST_SECONDS
        while True:
            with contextlib.suppress(StaleElementReferenceException):
                if found := condition():
                    return found
            assert time.monotonic() < end, self.text("main")[:3000]
            time.sleep(0.1)

    def state(self):
        return requests.get(f"{self.url}/api/state", timeout=30).json()

    def named(self, kind, name):
        return next(each for each in self.state()[kind] if each["name"] == name)

    def instances(self):
        return len(self.named("functions", "resize")["instances"])

    def at_work(self):
        return sum(len(each["running"]) for each in self.named("functions", "resize")["instances"])

    def act(self, action, /, **members):
        answer = requests.post(f"{self.url}/api/actions/{action}", json=members, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def upload(self) -> str:
        answer = requests.post(self.service, files={"file": ("a.jpg", picture())}, timeout=60)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def uploads(self, count):
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: self.upload(), range(count)))

    def life(self, id):
        answer = requests.get(f"{self.url}/api/uploads/{id}", timeout=30)
        return answer.json() if answer.ok else {"state": None, "entries": []}

    def are_done(self, ids):
        return all(self.life(id)["state"] == "done" for id in ids)

    def calm(self):
        """Undo what a test has changed."""
        for name in ("resize", "bury"):
            self.act("resume", name=name)
        self.act("slow", seconds=0)
        self.act("scale", function="resize", instances=1)
        self.until(lambda: self.instances() == 1)

    def barriers(self):
        """Return what axe finds in the page as it is, in light and in dark colours."""
        self.browser.execute_script(AXE.read("axe.min.js").decode())
        self.browser.set_script_timeout(60)
        found = []
        for scheme in ("light", "dark"):
            features = [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            found += [[scheme, *each] for each in self.browser.execute_async_script(LOOK)]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        return found


@pytest.fixture(scope="module")
def addresses(tmp_path_factory, chromium):
    folder = tmp_path_factory.mktemp("dashboard")
    with up(folder, "--port", free_port(), "--dashboard-port", free_port()) as running:
        running.wait_for("Ctrl-C stops")
        yield find(running.data)
        running.stop(2)


@pytest.fixture
def page(browser, addresses):
    dashboard = Dashboard(browser, addresses).open()
    yield dashboard
    dashboard.calm()


def errors(page):
    return [each for each in page.browser.get_log("browser") if each["level"] == "SEVERE"]


def test_it_draws_the_topology(page):
    shown = {
        (each.get_attribute("class").split()[1], each.find_element(By.CSS_SELECTOR, ".name").text)
        for each in page.browser.find_elements(By.CSS_SELECTOR, "#drawing .node")
    }
    state = page.state()
    expected = {
        (kind, each["name"])
        for kind, many in (
            *(("function", "functions"), ("topic", "topics")),
            *(("subscription", "subscriptions"), ("bucket", "buckets")),
        )
        for each in state[many]
        if each.get("kind") != "letters"
    }
    assert shown == expected | {("client", "clients")}
    assert errors(page) == []


def test_forty_uploads_wait_while_resize_is_paused_and_finish_when_it_goes_on(page):
    page.press("Pause resize")
    page.until(lambda: page.one("#drawing .subscription.paused"))
    ids = page.uploads(40)
    page.until(lambda: "40 waiting" in page.text("#drawing .subscription"))
    assert page.named("subscriptions", "resize")["waiting"] == 40
    page.press("Resume resize")
    page.until(lambda: "0 waiting" in page.text("#drawing .subscription"))
    page.until(lambda: page.are_done(ids))
    page.until(lambda: page.text(f"#uploads a[title='{ids[-1]}'] + .state") == "done")


def test_four_instances_work_on_more_jobs_at_once_than_one(page):
    page.act("slow", seconds=3)
    page.until(lambda: "+3 s a job" in page.text("#drawing"))
    concurrency = page.named("functions", "resize")["concurrency"]
    # The broker sends more at once only as jobs succeed, so not all slots fill at once.
    assert at_work_on_many(page, at_least=concurrency // 2) <= concurrency
    for _ in range(3):
        page.press("One instance of resize more")
    page.until(lambda: page.instances() == 4)
    assert at_work_on_many(page, at_least=2 * concurrency) <= 4 * concurrency


def at_work_on_many(page, at_least):
    """Upload many pictures; return on how many `resize` works when it works on enough at once."""
    ids = page.uploads(60)
    found = page.until(lambda: (now := page.at_work()) >= at_least and now)
    page.act("slow", seconds=0)
    page.until(lambda: page.are_done(ids))
    page.act("slow", seconds=3)
    return found


def test_a_job_whose_instance_is_killed_is_tried_again_as_its_timeline_tells(page):
    page.act("slow", seconds=4)
    id = page.upload()
    page.until(lambda: page.life(id)["state"] == "working")
    page.press("Kill an instance of resize")
    page.until(lambda: page.text(f"#failure-list a[title='{id}']"))
    assert "killed" in page.text("#failure-list li")
    assert page.text("#failed-count") != "0 failed"
    page.one(f"#failure-list a[title='{id}']").click()
    page.until(lambda: "was killed, attempt 1" in page.text("#inspector .timeline"))
    page.until(lambda: "next attempt in " in page.text("#inspector .timeline"))
    page.act("slow", seconds=0)
    page.until(lambda: "finished, attempt 2" in page.text("#inspector .timeline"))
    page.until(lambda: "256" in page.text("#inspector .timeline"))
    page.until(lambda: page.one("#inspector figure img[alt*='256']"))
    assert errors(page) == []


def test_a_dead_letter_is_looked_into_and_requeued(page):
    page.press("Poison")
    page.until(lambda: page.text("#dead-count") == "2 dead letters")
    page.until(lambda: "not a job" in page.text("#letter-list"))
    page.until(lambda: "its process ended" in page.text("#letter-list"))
    letters = requests.get(f"{page.url}/api/letters", timeout=30).json()["letters"]
    nonsense = next(each for each in letters if each["subject"] is None)
    page.open(f"#letter/{nonsense['message']}")
    page.until(lambda: "This is no job." in page.text("#inspector pre"))
    page.press("Requeue", within="inspector")
    page.until(lambda: page.one("#confirm[open]"))
    page.press("Cancel")
    assert len(requests.get(f"{page.url}/api/letters", timeout=30).json()["letters"]) == 2
    page.press("Requeue", within="inspector")
    page.until(lambda: page.one("#confirm[open]"))
    page.press("Requeue it")
    page.until(lambda: page.text("#dead-count") == "1 dead letter")
    page.until(lambda: "Requeued 1 dead letter to uploads" in page.text("#notices"))
    page.act("purge", all=True)
    page.until(lambda: page.text("#dead-count") == "0 dead letters")


def test_a_message_is_published_and_looked_at_without_being_taken(page):
    page.press("Pause bury")
    page.open("#topic/dead")
    page.one("#publish-data").send_keys('{"id": "<b onclick=x>it</b>"}')
    page.one("#publish-attributes").send_keys("colour=<i>red</i>")
    page.press("Publish")
    page.until(lambda: page.named("subscriptions", "bury")["waiting"] == 1)
    page.open("#subscription/bury")
    page.until(lambda: page.one("#inspector summary")).click()
    page.until(lambda: "<b onclick=x>it</b>" in page.text("#inspector pre"))
    assert "<i>red</i>" in page.text("#inspector dd")
    assert page.one("#inspector b") is None
    assert page.named("subscriptions", "bury")["waiting"] == 1
    page.act("purge", all=True)


def test_the_panel_opens_and_closes_with_the_keyboard(page):
    link = page.one("#drawing .function .name")
    link.send_keys(Keys.ENTER)
    page.until(lambda: page.one("#inspector:not([hidden])"))
    assert page.browser.switch_to.active_element.get_attribute("id") == "inspector-title"
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: page.one("#inspector[hidden]"))
    assert page.browser.switch_to.active_element == link


def test_axe_finds_no_barriers(page):
    page.act("poison")
    ids = page.uploads(3)
    page.until(lambda: page.are_done(ids) and page.one("#failure-list li"))
    page.until(lambda: page.text("#dead-count") == "2 dead letters")
    names = ["", f"#upload/{ids[0]}", "#subscription/resize", "#function/resize", "#publish"]
    for name in [*names, "#bucket/processed"]:
        page.open(name)
        page.until(lambda: page.one(".shelf img") and page.one("#letter-list li"))
        assert page.barriers() == [], name
    page.act("purge", all=True)


def test_axe_finds_no_barriers_on_a_phone(page):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.open()
        page.until(lambda: page.one("#drawing.narrow"))
        wide = page.browser.execute_script("return document.documentElement.scrollWidth")
        assert wide == 390
        assert page.barriers() == []
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("host", [HOST, "localhost", "evil.test"])
def test_another_origin_can_neither_read_nor_act(page, host):
    before = page.state()
    with another_page() as port:
        page.browser.get(f"http://{host}:{port}/")
        page.browser.set_script_timeout(60)
        told = page.browser.execute_async_script(ATTACK, page.url)
    assert len(told) == 10
    assert {(kind, status, text) for kind, status, text in told} <= {
        ("error", 0, ""),
        ("opaque", 0, ""),
    }
    after = page.state()
    assert [each["wanted_instances"] for each in after["functions"]] == [
        each["wanted_instances"] for each in before["functions"]
    ]


def test_a_page_that_points_its_own_name_at_the_dashboard_gets_nothing(page):
    port = urlsplit(page.url).port
    page.browser.get(f"http://evil.test:{port}/api/state")
    assert "is refused" in page.browser.page_source
    assert "functions" not in page.browser.page_source


def test_a_thousand_messages_leave_the_page_small_and_up_to_date(page):
    page.press("Pause bury")
    page.until(lambda: page.named("subscriptions", "bury")["paused"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: page.act("publish", topic="dead", data=f"{n}"), range(1000)))
    page.until(lambda: "1,000 waiting" in page.text("#drawing"))
    many = page.browser.execute_script("return document.querySelectorAll('*').length")
    assert many < 2500
    page.act("purge", name="bury")
    page.act("purge", name="dead-letters")
    page.until(lambda: "1,000 waiting" not in page.text("#drawing"))


def test_it_is_small_and_needs_no_other_server():
    files = list(STATIC.iterdir())
    assert {"index.html", "main.js", "page.css"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    for file in files:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file
        assert "https://" not in text, file
        assert "innerHTML" not in text, file
