"""The arithmetic of bench.pipeline."""

import pytest

from bench.figures import medians, percentile, table


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent, expected):
    assert percentile(range(100, 0, -1), percent) == expected


def test_of_few_values_the_highest_percentile_is_the_highest_value():
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([7.0], 1) == 7.0


def test_the_median_of_rounds_is_taken_for_each_figure_by_itself():
    rounds = [{"a": 1.0, "b": 9.0}, {"a": 5.0, "b": 7.0}, {"a": 2.0, "b": 8.0}]
    assert medians(rounds) == {"a": 2.0, "b": 8.0}


def test_ratios_are_of_the_first_contestant_to_each_other_one():
    measured = {
        "ours": {"p50, ms": 24.0, "resize, ms": 27.0, "sweep, ms": 0.01},
        "theirs": {"p50, ms": 6.0, "worker, ms": 16.04},
        "idle": {"p50, ms": 0.0},
    }
    assert table("0.8 MB", measured).splitlines() == [
        "| 0.8 MB | ours | theirs | idle |",
        "|---|---|---|---|",
        "| p50, ms | 24.0 | 6.0 (4.00) | 0.0 |",
        "| resize, ms | 27.0 |  |  |",
        "| worker, ms |  | 16.0 |  |",
    ]
