"""How many processes of a function the emulator runs, unless told."""

import argparse

import pytest
from msgspec import structs

from emulator import options
from emulator.topology_file import read_topology

TOPOLOGY = read_topology()


def usual(monkeypatch, processors, **changed):
    """Return how many processes of `resize` run on a machine, if it has these fields."""
    monkeypatch.setattr(options.os, "cpu_count", lambda: processors)
    resize = structs.replace(TOPOLOGY.functions["resize"], **changed)
    topology = structs.replace(TOPOLOGY, functions={**TOPOLOGY.functions, "resize": resize})
    return options.instances_of(argparse.Namespace(instances=[]), topology)["resize"]


@pytest.mark.parametrize(("processors", "expected"), [(None, 1), (1, 1), (2, 1), (8, 4), (64, 10)])
def test_decoders_keep_all_processors_busy(monkeypatch, processors, expected):
    assert usual(monkeypatch, processors, environment={"QUICKTHUMB_DECODERS": "2"}) == expected


@pytest.mark.parametrize(("processors", "expected"), [(None, 1), (1, 1), (4, 4), (64, 10)])
def test_one_request_at_a_time_keeps_one_processor_busy(monkeypatch, processors, expected):
    assert usual(monkeypatch, processors, concurrency=1, environment={}) == expected


def test_what_mostly_waits_is_one_process(monkeypatch):
    assert usual(monkeypatch, 8, concurrency=16, environment={}) == 1


@pytest.mark.parametrize("decoders", ["many", "0"])
def test_a_setting_that_the_function_will_refuse_does_not_matter(monkeypatch, decoders):
    assert usual(monkeypatch, 1, environment={"QUICKTHUMB_DECODERS": decoders}) == 1
