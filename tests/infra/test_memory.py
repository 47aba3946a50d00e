"""An instance of `resize` holds all that it may be made to hold at once."""

from emulator.topology_file import read_topology
from quickthumb.kitchen.confinement import granted_bytes
from tests.settings import settings_with

FUNCTION = 110_000_000
"""The framework and the function, in two processes, measured: bytes."""

DECODER = 56_000_000
"""A process that decodes, while it has nothing to do, measured: bytes."""


def test_an_instance_of_resize_has_memory_for_the_worst_that_pictures_can_do():
    resize = read_topology().functions["resize"]
    settings = settings_with()
    in_hand = settings.max_original_bytes + settings.limits.max_result_bytes
    decoding = DECODER + granted_bytes(settings.limits)
    needed = FUNCTION + resize.concurrency * in_hand + settings.decoders * decoding
    assert needed < resize.memory
