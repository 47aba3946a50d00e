"""The page of docs/browser-uploads.md, at an origin of its own."""

import re
import subprocess
import sys
from hashlib import sha256

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT
from emulator.ports import HOST, answers, free_port
from tests.pictures import ROCKET
from tests.running import running

PAGE = (ROOT / "docs" / "browser-uploads.md").read_text()
KEY = "of the application, and nobody else"


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    """Run the service and the application; return their URLs."""
    folder, port = tmp_path_factory.mktemp("application"), free_port()
    origin = f"http://localhost:{port}"
    for language, name in (("python", "app.py"), ("html", "page.html")):
        [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
        (folder / name).write_text(code)
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


def choose(browser, origin, path):
    """Choose a file on the page, and return what it says of it."""
    browser.get(origin)
    browser.find_element(By.CSS_SELECTOR, "input").send_keys(str(path))
    said = browser.find_element(By.CSS_SELECTOR, "p")
    WebDriverWait(browser, 60).until(lambda _: said.text)
    return said.text


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
