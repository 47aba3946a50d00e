"""Takes the pictures of the page at / that the documents show.

    .venv/bin/python -m bench.screenshots [--to docs]

Needs Chromium and its driver. Writes `page-light.webp`, `page-dark.webp`, `page-view.webp` and
`page-phone.webp`.
"""

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from selenium.webdriver import Chrome

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from tests.browser.chromium import start
from tests.browser.wall import Wall
from tests.pictures import SAMPLES

_DESK = {"width": 1200, "height": 750, "deviceScaleFactor": 1, "mobile": False}
_PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1.5, "mobile": True}


class Camera:
    """Takes pictures of a browser.

    Args:
        browser: see there.
        folder: where pictures are written.
    """

    def __init__(self, browser: Chrome, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    def look(self, scheme: str, device: dict[str, Any]) -> None:
        """Set the colours, "light" or "dark", and the device."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self._browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self._browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)

    def take(self, name: str) -> None:
        """Write what the browser shows."""
        with Image.open(io.BytesIO(self._browser.get_screenshot_as_png())) as image:
            image.convert("RGB").save(self._folder / f"{name}.webp", quality=82, method=6)


def take_all(page: Wall, camera: Camera) -> None:
    """Take all pictures."""
    page.browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    camera.look("light", _DESK)
    page.sizes("128, 480")
    page.run("document.querySelector('#options').open = false")
    for count in (1, 2, 3):  # also so that decoders have started
        page.one("#sample").click()
        page.settle(*["done"] * count)
    samples = sorted(SAMPLES.glob("*.[jp][pn]g"))
    page.choose(*samples)
    count += len(samples)
    page.settle(*["done"] * count)
    page.browser.refresh()
    page.settle(*["done"] * count)
    for scheme in ("light", "dark"):
        camera.look(scheme, _DESK)
        camera.take(f"page-{scheme}")
    camera.look("light", _PHONE)
    page.run("scrollTo(0, 0)")
    camera.take("page-phone")
    camera.look("light", _DESK)
    page.choose(SAMPLES / "chelsea.png")
    page.settle(*["done"] * (count + 1))
    page.one(".shot").click()
    page.one(".compare-button").click()
    page.wait(lambda: page.run("return document.querySelector('.before').naturalWidth"))
    page.one("#share").click()
    camera.take("page-view")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("docs"), help="folder of the pictures")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, profile = Path(folder, "data"), Path(folder, "profile")
        with Cloud(read_topology(), data, Console()) as cloud, start(profile) as browser:
            take_all(Wall(browser, cloud.addresses.upload), Camera(browser, args.to))


if __name__ == "__main__":
    main()
