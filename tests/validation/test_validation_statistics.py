from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.validation.statistics import (
    Interval,
    geometric_mean,
    guarded_ratio,
    holm,
    interquartile_mean,
    mean_interval,
    mean_test,
    middle_interval,
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


def test_a_p_value_is_below_the_level_where_the_interval_excludes_zero() -> None:
    generator = np.random.default_rng(3)
    found = [mean_test(generator.normal(0.4, 1, 30), resamples=2000, seed=n) for n in range(80)]

    excluded = [test.interval.low > 0 or test.interval.high < 0 for test in found]
    claimed = [test.p < 0.05 for test in found]
    assert 10 < sum(excluded) < 70
    # The guarded ratio may only forbid a claim, and a rounded quantile decides a few.
    assert sum(a != b for a, b in zip(excluded, claimed, strict=True)) <= 6
    assert sum(claimed) <= sum(excluded) + 1


@pytest.mark.parametrize("shape", ["normal", "sparse", "losing"])
def test_zero_is_rejected_as_rarely_as_the_level_says(shape: str) -> None:
    generator = np.random.default_rng(11)
    table = {
        "normal": generator.normal(size=(300, 60)),
        "sparse": generator.normal(size=(300, 60)) * (generator.random((300, 60)) < 0.1),
        "losing": 1 - generator.exponential(size=(300, 60)),
    }[shape]
    rejected = sum(
        mean_test(values, resamples=400, seed=n).p < 0.05 for n, values in enumerate(table)
    )

    # A twentieth of 300 is 15, with a standard error of 4.
    assert rejected <= 27


def test_more_resamples_are_not_needed_for_a_small_p_value() -> None:
    assert mean_test([1.0, 1.1, 0.9, 1.2, 1.0, 0.8, 1.05, 0.95], resamples=100).p < 1e-5


def test_few_groups_that_differ_claim_less_than_their_interval() -> None:
    values = [0.0] * 57 + [1.0, 1.2, 0.9]

    assert mean_test(values, resamples=2000).p > 0.05
    assert mean_test([0.0] * 5, resamples=100).p == 1.0
    assert mean_test([1.0, 2.0], groups=["a", "a"]).p == 1.0


def test_the_guarded_ratio_is_the_smaller_of_both() -> None:
    even = [0.0, 1.0, 2.0]

    assert guarded_ratio(even) == pytest.approx(math.sqrt(3))
    assert guarded_ratio([0.1] * 78 + [-3.0, 4.0]) < 1.96
    assert guarded_ratio([1.0, 1.0]) == math.inf
    assert guarded_ratio([0.0, 0.0]) == 0.0


def test_one_value_far_below_does_not_hide_many_far_above() -> None:
    values = [7.0 + number % 3 for number in range(75)] + [-17.0]

    assert guarded_ratio(values) > 5
    assert mean_test(values, resamples=2000).p < 1e-3


@given(
    st.lists(st.floats(-20, 20), min_size=4, max_size=40).filter(lambda some: np.ptp(some) > 0.1),
    st.floats(0, 50),
    st.floats(0.01, 10),
)
def test_the_guarded_ratio_rises_with_the_mean(
    values: list[float], start: float, more: float
) -> None:
    centred = np.array(values) - np.mean(values)

    assert guarded_ratio(centred + start + more) >= guarded_ratio(centred + start) - 1e-9


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_only_raises(p_values: list[float]) -> None:
    adjusted = holm(p_values)

    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    ranked = [new for _, new in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
    assert all(0 <= value <= 1 for value in adjusted)


def test_many_true_nulls_are_rarely_claimed_together() -> None:
    generator = np.random.default_rng(1)
    families = sum(min(holm(generator.random(30).tolist())) < 0.05 for _ in range(400))

    # A twentieth of 400 is 20, with a standard error of 4.
    assert families <= 36


@pytest.mark.parametrize("n", [12, 60])
def test_middle_interval_covers_the_truth_as_often_as_it_says(n: int) -> None:
    generator = np.random.default_rng(7)
    covered = 0
    for seed in range(300):
        found = middle_interval(generator.standard_t(3, n) + 1, resamples=500, seed=seed)
        covered += found.low <= 1.0 <= found.high

    # 95 % of 300 is 285; four standard errors are 15. The BCa interval of few values is short.
    assert 264 <= covered <= 300


def test_middle_interval_is_of_the_interquartile_mean_and_resamples_groups_whole() -> None:
    values = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0, 90.0], 10)
    groups = [str(number) for number in range(6) for _ in range(10)]

    alone = middle_interval(values, resamples=1000)
    grouped = middle_interval(values, groups=groups, resamples=1000)

    assert alone.value == grouped.value == pytest.approx(interquartile_mean(values))
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert middle_interval([2.0, 2.0]) == Interval(2.0, 2.0, 2.0)
    assert middle_interval([1.0, 2.0], groups=["a", "a"]).high == math.inf
