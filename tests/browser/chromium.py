"""Starts Debian's Chromium."""

import os
import shutil
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from emulator.ports import HOST

CHROMIUM, DRIVER = shutil.which("chromium") or "", shutil.which("chromedriver") or ""

_FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1000,1400",
    # The attacker's domain, which can resolve to any address.
    f"--host-resolver-rules=MAP evil.test {HOST}",
)


def is_installed() -> bool:
    """Return whether Chromium and its driver are there."""
    return bool(CHROMIUM and DRIVER)


def start(profile: Path) -> Chrome:
    """Return a browser, which is a context manager.

    Args:
        profile: an empty folder for what it keeps.
    """
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # not available for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options, ChromeService(DRIVER))
