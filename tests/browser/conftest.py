"""A real browser and the real service."""

import os
import shutil

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from emulator.ports import HOST

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

_FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1000,1400",
    # The attacker's domain, which can resolve to any address.
    f"--host-resolver-rules=MAP evil.test {HOST}",
)


@pytest.fixture
def url(shared_cloud):
    return shared_cloud.addresses.upload


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Chromium and its driver (Debian: chromium and chromium-driver)")
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # not available for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(DRIVER)) as browser:
        yield browser


@pytest.fixture
def browser(chromium):
    """Return a browser with an empty page, a network, and an empty log."""
    chromium.set_network_conditions(offline=False, latency=0, throughput=-1)
    chromium.get("about:blank")
    chromium.get_log("browser")
    return chromium
