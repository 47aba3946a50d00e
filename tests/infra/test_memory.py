"""An instance of `resize` holds all that it may be made to hold at once."""

from emulator.topology_file import read_topology
from quickthumb.kitchen import Kitchen
from quickthumb.kitchen.confinement import granted_bytes
from quickthumb.settings import Settings
from tests.settings import ENV

FUNCTION = 110_000_000
"""The framework and the function, in two processes, measured: bytes."""

DECODER = 56_000_000
"""A process that decodes, while it has nothing to do, measured: bytes."""


def resize():
    """Return the function, and its settings as deployed."""
    function = read_topology().functions["resize"]
    texts = {name: text for name, text in function.environment.items() if isinstance(text, str)}
    return function, Settings.from_env({**ENV, **texts})


def test_an_instance_of_resize_has_memory_for_what_its_jobs_share_and_its_processes():
    function, settings = resize()
    needed = FUNCTION + settings.decoders * DECODER + settings.jobs_bytes
    assert needed < function.memory


def test_the_largest_original_and_the_largest_job_fit_into_what_jobs_share():
    _, settings = resize()
    kitchen = Kitchen(settings.limits, settings.decoders, settings.jobs_bytes)
    assert kitchen.originals.size + kitchen.memory.size == settings.jobs_bytes
    assert settings.max_original_bytes <= kitchen.originals.size
    held = granted_bytes(settings.limits) + settings.limits.max_result_bytes
    assert held <= kitchen.memory.size
