"""What holds for every test."""

from hypothesis import settings

# How long an example takes says nothing of the code where other tests run beside it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
