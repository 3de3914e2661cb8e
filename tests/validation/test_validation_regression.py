from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.validation.judging import Bench, Fixed, entry, measurement
from vtrain.config.scoring import ScoringConfig
from vtrain.environment.measurement import Measurement, Request
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.validation import regression
from vtrain.validation.judge import Judgement, judge
from vtrain.validation.regression import look_for_regression, paired_changes
from vtrain.validation.statistics import Interval, MeanTest

TASTES = {"fidelity": 0.1, "balanced": 1.0, "compact": 3.0}
RECIPE = canonical(encode_settings(PRESETS["recipe"]))


def judged(looks: Callable[[int], float], images: range = range(20)) -> Judgement:
    """A policy whose drawings of an image look as good as a function of its number says."""

    def measured(request: Request) -> Measurement:
        if request.action != RECIPE:
            return measurement(0.0)
        return measurement(looks(int(request.image, 16)))

    return judge(
        [Fixed("policy", RECIPE)],
        [entry(number) for number in images],
        engine=Bench(measured),
        tastes=TASTES,
        traces=1,
        scoring=ScoringConfig(),
    )


def noise(number: int, seed: int = 0) -> float:
    return float(np.random.default_rng((seed, number)).normal())


def test_a_policy_that_draws_everything_worse_is_found_at_every_taste() -> None:
    before = judged(lambda number: 10 * noise(number, 1))
    after = judged(lambda number: 10 * noise(number, 1) - 1 + 0.5 * noise(number, 2))

    changes = paired_changes(after, before, resamples=500, confidence=0.95)

    assert [(change.taste, change.verdict, change.n) for change in changes] == [
        (taste, "worse", 20) for taste in TASTES
    ]
    # The images differ by far more than the policies: only pairs can tell.
    assert all(-2 < change.difference.low < change.difference.high < 0 for change in changes)


@pytest.mark.parametrize("step", [0.0, 0.02])
def test_chance_and_improvement_are_no_regression(step: float) -> None:
    before = judged(lambda number: noise(number, 1))
    after = judged(lambda number: noise(number, 1) + step + 0.5 * noise(number, 3))

    changes = paired_changes(after, before, resamples=500, confidence=0.95)

    assert {change.verdict for change in changes} <= {"better", "not distinguishable"}


def test_the_same_policy_is_the_same() -> None:
    same = judged(noise)

    changes = paired_changes(same, same, resamples=100, confidence=0.95)

    assert {change.difference for change in changes} == {Interval(0, 0, 0)}
    assert {change.verdict for change in changes} == {"not distinguishable"}


def test_only_images_and_tastes_that_both_judge_are_compared() -> None:
    before = judged(lambda _: 2.0, range(12))
    after = judged(lambda _: 1.0, range(8, 20))
    other = replace(after, tastes={**after.tastes, "compact": 9.0})

    changes = paired_changes(other, before, resamples=100, confidence=0.95)

    assert [(change.taste, change.n) for change in changes] == [("fidelity", 4), ("balanced", 4)]
    assert paired_changes(judged(noise, range(30, 40)), before, resamples=9, confidence=0.9) == []


def losses_with(p_values: Mapping[float, float]) -> Callable[..., MeanTest]:
    """A test that finds a loss, with the p-value of the values."""

    def mean_test(values: list[float], **_: object) -> MeanTest:
        return MeanTest(Interval(-2.0, -3.0, -1.0), p_values[round(values[0], 6)])

    return mean_test


def holm(p_values: list[float], alpha: float) -> list[bool]:
    """Holm's procedure as the paper states it."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    rejected = [False] * len(p_values)
    for rank, place in enumerate(order):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        rejected[place] = True
    return rejected


@pytest.mark.parametrize("seed", range(40))
def test_tastes_are_tested_by_holms_procedure(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    p_values = np.random.default_rng(seed).choice([0.004, 0.012, 0.02, 0.04, 0.3], 3).tolist()
    numbers = dict(zip(TASTES, (0.1, 0.2, 0.3), strict=True))
    before = judged(lambda _: 0.0)
    after = replace(
        before,
        rows=tuple(replace(row, utility=row.utility + numbers[row.taste]) for row in before.rows),
    )
    known = dict(zip(numbers.values(), p_values, strict=True))
    monkeypatch.setattr(regression, "mean_test", losses_with(known))

    changes = paired_changes(after, before, resamples=9, confidence=0.95)

    assert [change.verdict == "worse" for change in changes] == holm(p_values, 0.05)


def test_nothing_to_compare_with_is_said() -> None:
    found = look_for_regression(judged(noise), None, resamples=9, confidence=0.95)

    assert found.worse == ()
    assert "No regression could be looked for" in found.sentences()[0]
