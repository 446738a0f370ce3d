"""Medians, ratios and percentiles of the bench."""

import pytest

from bench.spread import Spread, percentile, ratio, spread


def test_a_spread_is_median_extremes_and_relative_deviation() -> None:
    assert spread([10.0, 12.0, 11.0, 30.0, 9.0]) == Spread(11.0, 9.0, 30.0, 1.0 / 11.0)


def test_one_round_has_no_noise() -> None:
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0, 0.0)


def test_nothing_but_zeros_has_no_noise() -> None:
    assert spread([0.0, 0.0]) == Spread(0.0, 0.0, 0.0, 0.0)


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was twice as slow in the second round, for both: the ratio does not see it.
    assert ratio([10.0, 20.0, 10.0], [5.0, 10.0, 5.0]) == Spread(2.0, 2.0, 2.0, 0.0)


def test_a_rejected_round_leaves_the_ratio_on_both_sides() -> None:
    assert ratio([10.0, None, 30.0], [5.0, 1.0, None]) == Spread(2.0, 2.0, 2.0, 0.0)


def test_without_a_common_round_there_is_no_ratio() -> None:
    assert ratio([None, 3.0], [2.0, None]) is None
    assert ratio([3.0], [0.0]) is None


def test_rounds_that_do_not_pair_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1.0), (1, 1.0), (50, 50.0), (50.1, 51.0), (99, 99.0), (99.5, 100.0), (100, 100.0)],
)
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == expected
