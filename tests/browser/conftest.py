"""A real browser and the real service."""

import pytest

from tests.browser.chromium import is_installed, start


@pytest.fixture
def url(shared_cloud):
    return shared_cloud.addresses.upload


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not is_installed():
        pytest.skip("needs Chromium and its driver (Debian: chromium and chromium-driver)")
    with start(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(chromium):
    """Return a browser with an empty page, a network, and an empty log."""
    # The page saves its gallery when it is left, which the page of the next test could show.
    chromium.execute_script("Storage.prototype.setItem = () => {}")
    chromium.set_network_conditions(offline=False, latency=0, throughput=-1)
    chromium.get("about:blank")
    chromium.get_log("browser")
    return chromium
