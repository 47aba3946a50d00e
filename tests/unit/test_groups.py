"""Tests that share a server are run by one process."""

import pytest


@pytest.mark.xdist_group("together")
def test_the_runner_knows_the_group_of_a_test(request):
    is_shared_out = getattr(request.config.option, "loadgroup", False)
    assert not is_shared_out or request.node.nodeid.endswith("@together")
