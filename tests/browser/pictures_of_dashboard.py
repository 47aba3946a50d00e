"""Makes the pictures of the dashboard in docs/: `python -m tests.browser.pictures_of_dashboard`.

They show the real dashboard of a real `up`, in Debian's Chromium, while pictures are uploaded,
`resize` is paused, scaled and killed.
"""

import base64
import io
import itertools
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from selenium.webdriver import Chrome

from emulator.bootstrap import ROOT
from emulator.ports import free_port
from emulator.running import Addresses, find
from tests.browser.chromium import start
from tests.e2e.commands import up
from tests.pictures import SAMPLES

DOCS = ROOT / "docs"
PICTURES = [
    *("rocket.jpg", "coffee.png", "chelsea.png", "astronaut.png", "hubble_deep_field.jpg"),
]
WIDTH, HEIGHT = 1280, 1180
FILM_WIDTH = 1180
MOVING_WIDTH = 940
SECONDS = 16.0
MOST_BYTES = 600_000  # bytes of the moving picture


class Story:
    """Uploads and actions on a running `up`."""

    def __init__(self, addresses: Addresses) -> None:
        self.url = addresses.dashboard
        self._service = addresses.upload
        known = [SAMPLES / name for name in PICTURES if (SAMPLES / name).exists()]
        self._pictures = itertools.cycle(known or sorted(SAMPLES.glob("*.jpg")))

    def act(self, action: str, /, **members: object) -> None:
        """Do something, as a button of the dashboard does."""
        requests.post(f"{self.url}/api/actions/{action}", json=members, timeout=60)

    def upload(self, count: int, pause: float = 0.0) -> None:
        """Send pictures, one after another."""
        for _ in range(count):
            picture = next(self._pictures)
            with picture.open("rb") as file:
                requests.post(self._service, files={"file": (picture.name, file)}, timeout=60)
            time.sleep(pause)

    def run(self) -> None:
        """Let things happen for as long as the moving picture takes."""
        self.upload(6, 0.35)
        self.act("pause", name="resize")
        self.upload(24, 0.03)
        time.sleep(0.8)
        self.act("slow", seconds=0.7)
        self.act("scale", function="resize", instances=2)
        self.act("resume", name="resize")
        time.sleep(1.0)
        self.act("kill", function="resize")


def resize(chrome: Chrome, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def choose(chrome: Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def shot(chrome: Chrome, clip: dict[str, Any] | None = None) -> Image.Image:
    options = {"format": "png", **({"clip": {**clip, "scale": 1}} if clip else {})}
    data = chrome.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def film(
    chrome: Chrome, story: Callable[[], None], seconds: float
) -> list[tuple[float, Image.Image]]:
    """Return pictures of the drawing, and when they were taken, while a story runs."""
    frame = "const {x, y, width, height} = document.querySelector('.flow').getBoundingClientRect();"
    clip = chrome.execute_script(f"{frame} return {{x, y, width, height}}")
    teller = threading.Thread(target=story)
    taken = []
    began = time.monotonic()
    teller.start()
    while time.monotonic() - began < seconds:
        taken.append((time.monotonic() - began, shot(chrome, clip)))
    teller.join()
    return taken


def save_moving(taken: list[tuple[float, Image.Image]], path: Path) -> None:
    """Write an animated WebP, at a quality that keeps it small."""
    times = [moment for moment, _ in taken]
    lasts = [round((b - a) * 1000) for a, b in itertools.pairwise(times)] + [1500]
    height = round(taken[0][1].height * MOVING_WIDTH / taken[0][1].width)
    frames = [each.resize((MOVING_WIDTH, height), Image.Resampling.LANCZOS) for _, each in taken]
    for quality in (70, 55, 40, 25):
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=lasts,
            loop=0,
            quality=quality,
            method=4,
            minimize_size=True,
        )
        if path.stat().st_size <= MOST_BYTES:
            return


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder) / "profile") as chrome:
        ports = ("--port", free_port(), "--dashboard-port", free_port())
        with up(Path(folder), *ports) as running:
            running.wait_for("Ctrl-C stops")
            story = Story(find(running.data))
            story.upload(4)
            resize(chrome, FILM_WIDTH, 800)
            choose(chrome, "light")
            chrome.get(story.url)
            time.sleep(6)
            save_moving(film(chrome, story.run, SECONDS), DOCS / "dashboard.webp")
            resize(chrome, WIDTH, HEIGHT)
            story.act("poison")
            story.act("slow", seconds=1)
            teller = threading.Thread(target=story.upload, args=(60,))
            teller.start()
            time.sleep(5)
            for scheme in ("light", "dark"):
                choose(chrome, scheme)
                shot(chrome).save(DOCS / f"dashboard-{scheme}.webp", quality=80, method=6)
            teller.join()
            running.stop(2)


if __name__ == "__main__":
    main()
