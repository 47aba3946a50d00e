"""The application of docs/browser-uploads.md, at an origin of its own: it gives its page tokens."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT
from emulator.ports import answers, free_port
from tests.running import running

KEY = "of the application, and nobody else"


def recipe(document: str, language: str) -> str:
    """Return the only code of a language in a document."""
    text = (ROOT / "docs" / document).read_text()
    [code] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(code)


@contextmanager
def serving(folder: Path, server: str, page: str) -> Iterator[tuple[str, str]]:
    """Run the service, and an application with a server and a page; yield their URLs."""
    port = free_port()
    origin = f"http://localhost:{port}"
    (folder / "app.py").write_text(server)
    (folder / "page.html").write_text(page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUICKTHUMB_API_KEYS", sha256(KEY.encode()).hexdigest())
        patch.setenv("QUICKTHUMB_TOKEN_SECRETS", "of the service and of nobody else")
        patch.setenv("QUICKTHUMB_CORS_ORIGINS", origin)
        with running(folder / "data") as addresses:
            env = {"SERVICE": addresses.upload, "KEY": KEY, "PORT": str(port)}
            command = [sys.executable, "app.py"]
            with subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL) as app:
                while not answers(port):
                    assert app.poll() is None
                yield addresses.upload, origin
                app.terminate()


def choose(browser: Chrome, origin: str, path: Path) -> str:
    """Choose a file on the page, and return what it says of it."""
    browser.get(origin)
    browser.find_element(By.CSS_SELECTOR, "input").send_keys(str(path))
    said = browser.find_element(By.CSS_SELECTOR, "p")
    WebDriverWait(browser, 90).until(lambda _: said.text)
    return said.text
