"""Drives the page at / in a browser, and reads what is on its wall."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

ROOMY = 60  # seconds for a thumbnail while other tests are running

_WATCH = """
    window.uploads = new Set();
    window.mostUploads = 0;
    window.ranges = [];
    const { send, setRequestHeader } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (body) {
      window.uploads.add(this);
      window.mostUploads = Math.max(window.mostUploads, window.uploads.size);
      this.addEventListener("readystatechange", () => {
        if (this.readyState === 4) window.uploads.delete(this);
      });
      send.call(this, body);
    };
    XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
      if (name === "Content-Range") window.ranges.push(value);
      setRequestHeader.call(this, name, value);
    };
"""
"""Records uploads: which are under way, how many there were at once, which parts of large files."""

_SHOWN = """
    const cards = [...document.querySelectorAll(".card")].map(
      (card) => `${card.dataset.state}: ${card.innerText.replaceAll("\\n", " | ")}`);
    const requests = [...(window.uploads ?? [])].map(
      ({ readyState, status, responseURL }) => `upload ${readyState} ${status} ${responseURL}`);
    const line = document.querySelector("#line");
    const told = document.querySelector("#live").textContent;
    return [...cards, ...requests, line.hidden ? "on line" : line.innerText, told].join("\\n");
"""


class Wall:
    """The page in a browser that remembers nothing of earlier visits."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        # By the page itself, before it reads what is remembered.
        script = {"source": "localStorage.clear(); sessionStorage.clear();"}
        forgets = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
        browser.get(url)
        browser.execute_script(_WATCH)
        self.wait(lambda: "MiB" in self.run("return document.querySelector('#limits').textContent"))
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", forgets)

    def reload(self) -> None:
        """Load the page again, and go on recording."""
        self.browser.refresh()
        self.run(_WATCH)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script and return its result."""
        return self.browser.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until a condition holds; say what the page shows when it does not."""
        try:
            return WebDriverWait(self.browser, ROOMY, 0.05).until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(f"After {ROOMY} s the page shows:\n{self.run(_SHOWN)}") from None

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def choose(self, *paths: Path) -> None:
        """Choose files."""
        self.one("#file").send_keys("\n".join(map(str, paths)))

    def sizes(self, text: str) -> None:
        """Fill in the sizes."""
        self.run("document.querySelector('#options').open = true")
        self.one("#sizes").send_keys(Keys.CONTROL + "a")
        self.one("#sizes").send_keys((text or Keys.DELETE) + Keys.TAB)

    def texts(self, selector: str) -> list[str]:
        """Return the text of all elements, visible or not."""
        found = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"
        return list(self.run(found, selector))

    @property
    def names(self) -> list[str]:
        return self.texts(".card h3")

    @property
    def facts(self) -> list[str]:
        return self.texts(".card .facts")

    @property
    def states(self) -> list[str]:
        return list(
            self.run(
                "return [...document.querySelectorAll('.card')].map(card => card.dataset.state)"
            )
        )

    @property
    def told(self) -> str:
        """What a screen reader was told last."""
        return str(self.run("return document.querySelector('#live').textContent"))

    @property
    def focused(self) -> str:
        """The element that has the focus: its id, or its classes."""
        return str(self.run("return document.activeElement.id || document.activeElement.className"))

    def settle(self, *states: str) -> None:
        """Wait until the cards have these states, and the thumbnails that are in view are shown."""
        shown = """
            const inView = ({y, height}) => y + height > 0 && y < innerHeight;
            return [...document.querySelectorAll("[data-state=done] .thumbnail")]
              .filter(each => inView(each.getBoundingClientRect()))
              .every(each => each.complete && each.naturalWidth);
        """
        self.wait(lambda: self.states == list(states) and self.run(shown))

    def ids(self) -> list[str]:
        """Return the ids of the uploads that are remembered."""
        script = (
            "return JSON.parse(localStorage['quickthumb.gallery'] ?? '[]').map(each => each.id)"
        )
        return list(self.run(script))

    def go_offline(self) -> None:
        """Cut the network; Chromium itself would let uploads go on that have begun."""
        self.browser.set_network_conditions(offline=True, latency=0, throughput=-1)
        self.run("for (const request of window.uploads) request.abort()")

    def go_online(self) -> None:
        self.browser.delete_network_conditions()

    def slow_down(self, bytes_per_second: int) -> None:
        conditions = {"download_throughput": -1, "upload_throughput": bytes_per_second}
        self.browser.set_network_conditions(offline=False, latency=0, **conditions)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]  # type: ignore[no-untyped-call]
