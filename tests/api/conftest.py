"""The service as clients see it."""

import pytest


@pytest.fixture
def url(shared_cloud):
    return shared_cloud.addresses.upload
