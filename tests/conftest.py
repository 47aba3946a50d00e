"""What holds for every test."""

import os

from hypothesis import settings

from tests.layers import Layers

# How long an example takes says nothing of the code where other tests run beside it.
# The examples are the same in every run, so that a run that fails says something of the change. To
# look for new ones: HYPOTHESIS_PROFILE=search
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config):
    config.pluginmanager.register(Layers())
