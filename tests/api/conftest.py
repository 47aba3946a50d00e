"""The service as clients see it."""

import pytest

from tests.running import running


@pytest.fixture(scope="session")
def url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("data")) as addresses:
        yield addresses.upload
