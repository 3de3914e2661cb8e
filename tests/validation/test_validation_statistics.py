from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.validation.statistics import (
    Interval,
    geometric_mean,
    interquartile_mean,
    mean_interval,
    verdict,
    wilson_interval,
    worst_mean,
)

numbers = st.floats(-100, 100).map(lambda value: round(value, 3))
samples = st.lists(numbers, min_size=3, max_size=25)


def test_interquartile_mean_leaves_out_both_tails() -> None:
    assert interquartile_mean([-1000, 1, 2, 3, 4, 5, 6, 1000]) == pytest.approx(3.5)


def test_interquartile_mean_takes_the_inner_part_of_border_values() -> None:
    # Of five values each is a fifth: the second and the fourth lie three quarters inside.
    assert interquartile_mean([0, 1, 2, 4, 100]) == pytest.approx((0.75 * 1 + 2 + 0.75 * 4) / 2.5)


@given(samples)
def test_interquartile_mean_lies_within_the_quartiles_of_its_values(values: list[float]) -> None:
    assert min(values) - 1e-9 <= interquartile_mean(values) <= max(values) + 1e-9


def test_worst_mean_takes_the_lowest_share() -> None:
    assert worst_mean(range(100), 0.05) == 2.0
    assert worst_mean([3, 1, 2], 0.05) == 1.0


def test_geometric_mean_of_a_half_and_a_double_is_one() -> None:
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_has_the_published_values(
    successes: int, n: int, low: float, high: float
) -> None:
    # Newcombe, Statistics in Medicine 17 (1998), 857, method 3.
    found = wilson_interval(successes, n)

    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_within_zero_and_one_and_holds_the_share(
    counts: tuple[int, int],
) -> None:
    found = wilson_interval(*counts)

    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_wilson_interval_refuses_what_is_no_share(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson_interval(successes, n)


@given(samples, st.integers(0, 5))
@settings(deadline=None)
def test_mean_interval_holds_the_mean_and_repeats_itself(values: list[float], seed: int) -> None:
    found = mean_interval(values, resamples=200, seed=seed)

    assert found == mean_interval(values, resamples=200, seed=seed)
    assert found.value == pytest.approx(np.mean(values))
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9


@given(samples, st.floats(-50, 50), st.floats(0.1, 10))
@settings(deadline=None, max_examples=40)
def test_mean_interval_moves_and_stretches_with_its_values(
    values: list[float], shift: float, scale: float
) -> None:
    plain = mean_interval(values, resamples=200)
    moved = mean_interval([scale * value + shift for value in values], resamples=200)

    expected = [scale * end + shift for end in (plain.low, plain.high)]
    assert [moved.low, moved.high] == pytest.approx(expected, abs=1e-2 * scale)


@pytest.mark.parametrize("n", [5, 12, 60])
def test_mean_interval_covers_the_truth_as_often_as_it_says(n: int) -> None:
    generator = np.random.default_rng(7)
    covered = 0
    for seed in range(300):
        found = mean_interval(generator.normal(1.0, 2.0, n), resamples=600, seed=seed)
        covered += found.low <= 1.0 <= found.high

    # 95 % of 300 is 285; four standard errors are 15.
    assert 270 <= covered <= 300


def test_mean_interval_resamples_groups_whole() -> None:
    """Ten copies of each of six values are six observations, not sixty."""
    values = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0, 9.0], 10)
    groups = [str(number) for number in range(6) for _ in range(10)]

    alone = mean_interval(values, resamples=2000)
    grouped = mean_interval(values, groups=groups, resamples=2000)

    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_mean_interval_of_one_group_is_not_bounded() -> None:
    found = mean_interval([1.0, 2.0], groups=["a", "a"])

    assert (found.low, found.high) == (-math.inf, math.inf)
    assert verdict(found) == "not distinguishable"


def test_mean_interval_of_equal_values_is_the_value() -> None:
    assert mean_interval([2.0, 2.0, 2.0]) == Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]]])
def test_mean_interval_refuses_what_is_no_list_of_numbers(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one number"):
        mean_interval(values)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.3, "better"),
        (-0.3, -0.1, "worse"),
        (-0.1, 0.3, "not distinguishable"),
        (0.0, 0.3, "not distinguishable"),
    ],
)
def test_a_verdict_needs_the_interval_on_one_side_of_zero(
    low: float, high: float, expected: str
) -> None:
    assert verdict(Interval((low + high) / 2, low, high)) == expected
