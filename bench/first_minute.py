"""Measures the first minute of a newcomer: `.venv/bin/python -m bench.first_minute`.

Clones this repository (what is committed) into a temporary folder, runs `python3 -m emulator up`
there with nothing but PATH and HOME in its environment, opens the page in Chromium, chooses a
picture, and waits until its thumbnail is on the screen. Prints how many seconds after the start
each of these was done.

The packages come from a folder that is filled first (`--wheels`), like from a warm cache; without
it, from the package index.
"""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from emulator.bootstrap import ROOT, RUN
from emulator.ports import free_port

_SAMPLE = Path("tests/fixtures/samples/rocket.jpg")
_SEEN = """
return [...document.images].some((image) => image.complete && image.naturalWidth === 256)
"""


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default="python3", help="what runs the emulator")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="folder for the packages")
    args = parser.parse_args()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if args.wheels:
        env |= _cached(args.wheels)
    with tempfile.TemporaryDirectory(prefix="first-minute-") as name, _browser(name) as browser:
        clone, began = Path(name) / "clone", time.monotonic()

        def done(what: str) -> None:
            print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

        git = shutil.which("git") or "git"
        subprocess.run([git, "clone", "--quiet", ROOT, clone], check=True)
        done("cloned")
        with _up(args.python, clone, env, done) as page:
            browser.get(page)
            done("the page is open")
            browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(
                str(clone / _SAMPLE)
            )
            browser.execute_script("document.forms[0].requestSubmit()")
            WebDriverWait(browser, 60, 0.05).until(lambda it: it.execute_script(_SEEN))
            done("the thumbnail is on the screen")
    print(f"{platform.python_version()}, {os.cpu_count()} processors, {platform.platform()}")
    return 0


def _cached(wheels: Path) -> dict[str, str]:
    """Fill a folder with the packages; return the environment in which pip uses nothing else."""
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
    subprocess.run([*command, "-r", ROOT / RUN, "-d", wheels], check=True)
    folder = str(wheels.resolve())
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "PIP_CONFIG_FILE": os.devnull}


@contextmanager
def _up(
    python: str, clone: Path, env: dict[str, str], done: Callable[[str], None]
) -> Iterator[str]:
    """Run `up`; yield the address of its page."""
    port = free_port()
    with subprocess.Popen(
        [python, "-m", "emulator", "up", "--port", str(port)],
        cwd=clone,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                if line.startswith("Installed"):
                    done("installed")
                if "Ctrl-C" in line:
                    break
            done("up")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def _browser(folder: str) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless", "--no-first-run", "--no-sandbox", f"--user-data-dir={folder}/user"):
        options.add_argument(flag)
    with Chrome(options, ChromeService(shutil.which("chromedriver"))) as browser:
        yield browser


if __name__ == "__main__":
    sys.exit(main())
