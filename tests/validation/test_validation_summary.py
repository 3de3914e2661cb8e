from __future__ import annotations

import math

import pytest

from tests.validation.judging import TASTES, Bench, Fixed, entry, measurement
from vtrain.config.scoring import ScoringConfig
from vtrain.config.validation import SuccessConfig
from vtrain.environment.measurement import Measurement, Request, failed
from vtrain.errors import UsageError
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.validation.judge import Judgement, judge
from vtrain.validation.statistics import holm
from vtrain.validation.summary import ALL, summarise
from vtrain.validation.thresholds import METRICS, check, metric, parse_thresholds


def test_figures_are_given_for_all_and_for_each_category(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)

    assert summary.of("fidelity").n == 12
    assert summary.of("fidelity").gain.value == pytest.approx(2.0)
    assert summary.of("fidelity", category="simple").gain.value == pytest.approx(1.0)
    assert summary.of("fidelity", category="text").gain.value == pytest.approx(3.0)
    assert summary.of("balanced").bytes_ratio == pytest.approx(0.5)
    assert summary.of("balanced").better.value == 1.0
    assert summary.of("fidelity", chooser="default").gain.value == 0.0


def test_the_policy_is_compared_with_each_baseline_image_by_image(judgement: Judgement) -> None:
    found = summarise(judgement, resamples=200).against("default", "balanced")

    rows = judgement.select(chooser="policy", taste="balanced")
    others = judgement.select(chooser="default", taste="balanced")
    gaps = [a.utility - b.utility for a, b in zip(rows, others, strict=True)]
    assert found.difference.value == pytest.approx(sum(gaps) / len(gaps))
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.wins == 1.0
    assert found.verdict == "better"


def test_pairing_finds_a_small_steady_difference_between_very_different_images() -> None:
    ours, theirs = (canonical(encode_settings(PRESETS[name])) for name in ("poster", "photo"))

    def measure(request: Request) -> Measurement:
        level = 3.0 * int(request.image, 16)
        return measurement(level + (0.1 if request.action == ours else 0.0))

    found = judge([Fixed("policy", ours), Fixed("photo", theirs)], [entry(n) for n in range(20)],
                  engine=Bench(measure), tastes=TASTES, traces=1,
                  scoring=ScoringConfig())  # fmt: skip

    assert summarise(found, resamples=200).against("photo", "fidelity").verdict == "better"


def test_equal_choosers_are_not_distinguishable_and_win_half(judgement: Judgement) -> None:
    twin = Judgement(
        rows=tuple(row for row in judgement.rows if row.chooser == "policy")
        + tuple(
            type(row)(**{**{name: getattr(row, name) for name in row.__slots__}, "chooser": "twin"})
            for row in judgement.rows
            if row.chooser == "policy"
        ),
        choosers=("policy", "twin"),
        tastes=judgement.tastes,
        defaults=judgement.defaults,
    )

    found = summarise(twin, resamples=200).against("twin", "balanced")

    assert found.verdict == "not distinguishable"
    assert found.wins == 0.5


def test_an_unknown_figure_is_a_key_error(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)

    with pytest.raises(KeyError):
        summary.of("fidelity", category="mascots")
    with pytest.raises(KeyError):
        summary.against("photo", "fidelity")


def test_every_documented_metric_can_be_required(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)
    names = [name.replace("NAME", "default") for name in METRICS]

    thresholds = parse_thresholds([f"{name}=0" for name in names], ["default"])

    found = {threshold.metric: metric(threshold.metric, summary) for threshold in thresholds}
    assert found["gain"] == pytest.approx(2.0)
    assert found["better"] == 1.0
    assert found["failures"] == 0
    assert found["bytes-ratio"] == pytest.approx(0.5)
    assert found["ssim"] == pytest.approx(0.9)
    assert found["utility-over-default"] == pytest.approx(
        summary.against("default", "balanced").difference.value
    )
    assert found["utility"] == pytest.approx(summary.of("balanced").utility)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("gain=2.0", True),
        ("gain=2.01", False),
        ("bytes-ratio=0.6", True),
        ("bytes-ratio=0.4", False),
        ("failures=0", True),
    ],
)
def test_a_threshold_is_met_from_its_value_on(
    judgement: Judgement, text: str, *, met: bool
) -> None:
    summary = summarise(judgement, resamples=200)

    (outcome,) = check(parse_thresholds([text], ["default"]), summary)

    assert outcome.met is met


def test_failures_are_counted_against_the_limit() -> None:
    default = canonical(encode_settings(PRESETS["default"]))
    poster = canonical(encode_settings(PRESETS["poster"]))

    def measure(request: Request) -> Measurement:
        return measurement() if request.action == default else failed("panic")

    found = judge([Fixed("policy", poster)], [entry(1)], engine=Bench(measure), tastes=TASTES,
                  traces=1, scoring=ScoringConfig())  # fmt: skip
    summary = summarise(found, resamples=100)

    outcomes = check(parse_thresholds(["failures=0", "ssim=0.1"], []), summary)

    assert [outcome.met for outcome in outcomes] == [False, False]
    assert str(outcomes[0]) == "failures is 3, must be at most 0"
    assert str(outcomes[1]) == "ssim is not measured, must be at least 0.1"
    assert math.isfinite(summary.of("fidelity").gain.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gian=3", "'gian'"),
        ("gain", "nothing is not a number"),
        ("gain=much", "much is not a number"),
        ("gain=nan", "nan is not a number"),
        ("utility-over-photo=0", "photo is not among the baselines"),
        ("utility-over-=0", "no baseline"),
        ("=3", "''"),
    ],
)
def test_a_threshold_that_cannot_be_read_is_a_usage_error(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_thresholds([text], ["default"])


def test_an_unknown_metric_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        parse_thresholds(["gian=3"], [])

    assert all(name in error.value.hint for name in METRICS)


def test_all_comes_before_the_categories(judgement: Judgement) -> None:
    order = list(dict.fromkeys(f.category for f in summarise(judgement, resamples=100).figures))

    assert order == [ALL, "simple", "text"]


def test_verdicts_follow_the_adjustment_for_all_comparisons(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)

    adjusted = [found.adjusted for found in summary.comparisons]
    assert adjusted == pytest.approx(holm([found.p or 0.0 for found in summary.comparisons]))
    for found in summary.comparisons:
        assert found.adjusted is not None
        assert (found.verdict == "not distinguishable") == (found.adjusted >= 0.05)
        assert found.middle is not None


def test_success_asks_each_category_for_its_own_threshold(judgement: Judgement) -> None:
    """Half the size earns lambda; text gains 3 in looks, simple logos 1."""
    high = SuccessConfig(simple=1.2, text=1.2)

    plain = summarise(judgement, resamples=100)
    strict = summarise(judgement, resamples=100, success=high)

    assert plain.of("fidelity").success.value == 1.0  # type: ignore[union-attr]
    found = {name: strict.of("fidelity", category=name).success for name in ("simple", "text")}
    assert found["simple"] is not None
    assert found["text"] is not None
    assert (found["simple"].value, found["text"].value) == (0.0, 1.0)
    assert strict.of("fidelity").success.value == 0.5  # type: ignore[union-attr]


def test_regret_is_measured_from_the_best_known_of_each_image(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=100)

    assert summary.of("fidelity").regret == 0.0
    lost = summary.of("fidelity", chooser="default").regret
    assert lost == pytest.approx(summary.against("default", "fidelity").difference.value)


def test_a_known_trace_that_is_better_raises_every_regret() -> None:
    poster = canonical(encode_settings(PRESETS["poster"]))
    known = {entry(1).id: [measurement(30.0)]}

    found = judge([Fixed("policy", poster)], [entry(1)], engine=Bench(lambda _: measurement(10.0)),
                  tastes=TASTES, traces=1, scoring=ScoringConfig(), known=known)  # fmt: skip

    assert [row.regret for row in found.rows] == pytest.approx([20.0] * 3)


def test_a_metric_of_a_taste_that_was_not_judged_is_not_met(judgement: Judgement) -> None:
    one = Judgement(
        tuple(row for row in judgement.rows if row.taste == "compact"),
        judgement.choosers,
        {"compact": 1.0},
        judgement.defaults,
    )

    outcomes = check(
        parse_thresholds(["gain=-9", "utility-over-default=-9"], ["default"]),
        summarise(one, resamples=100),
    )

    assert [outcome.met for outcome in outcomes] == [False, False]
    assert "not measured" in str(outcomes[0])
