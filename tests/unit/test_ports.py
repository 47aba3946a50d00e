"""Ports that are free, for servers that will listen on them later."""

from emulator.ports import free_port


def test_no_port_is_given_twice():
    assert len({free_port() for _ in range(1000)}) == 1000
