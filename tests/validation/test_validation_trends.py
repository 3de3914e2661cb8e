from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.validation.test_validation_report import record_of
from tests.validation.written import write_judged
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, write_text
from vtrain.validation.drift import drift
from vtrain.validation.judge import Judgement
from vtrain.validation.measures import Beyond, Finding
from vtrain.validation.report import headline
from vtrain.validation.results import read_record, write_results
from vtrain.validation.trends import (
    drift_finding,
    findings_of_checks,
    history,
    regression,
    slope,
)

NAMES = [f"feature {number}" for number in range(12)]


def rows(path: Path, utilities: np.ndarray[Any, Any], *, price: float = 0.15) -> Path:
    return write_judged(path, dict(enumerate(utilities.tolist())), price=price, brand=2)


def test_a_policy_that_lost_on_the_same_images_is_a_regression(tmp_path: Path) -> None:
    level = np.random.default_rng(0).normal(0, 10, 60)
    noise = np.random.default_rng(1).normal(0, 0.3, 60)
    before = rows(tmp_path / "20260101-000000-step-000000512", level)

    found = regression(before, rows(tmp_path / "b", level + noise - 0.3), resamples=2000)

    assert found is not None
    assert found.kind == "regression"
    assert "worse than in 20260101-000000-step-000000512: fidelity by 0.3" in found.evidence
    assert "on 60 images" in found.evidence
    assert "checkpoint diff" in found.advice


def test_noise_gain_and_other_prices_are_no_regression(tmp_path: Path) -> None:
    level = np.random.default_rng(0).normal(0, 10, 60)
    noise = np.random.default_rng(1).normal(0, 0.3, 60)
    before = rows(tmp_path / "a", level)

    assert regression(before, rows(tmp_path / "b", level + noise), resamples=2000) is None
    assert regression(before, rows(tmp_path / "c", level + noise + 1), resamples=2000) is None
    other = rows(tmp_path / "d", level - 1, price=0.3)
    assert regression(before, other, resamples=2000) is None
    with pytest.raises(DataError, match="cannot be read"):
        regression(tmp_path / "none", other)


def checks(learning: Any, validation: Any, stage: str = "complex") -> list[dict[str, Any]]:
    """Two updates for each check."""
    return [
        {"stage": stage, "gain_mean": float(gain), "validation_utility": value}
        for gain, check in zip(learning, validation, strict=True)
        for value in (None, float(check))
    ]


STEPS = np.arange(16)
NOISE = np.random.default_rng(3).normal(0, 0.02, 16)


@pytest.mark.parametrize(
    ("learning", "validation", "kind"),
    [
        (0.05 * STEPS, 0.6 - 0.02 * STEPS + NOISE, "overfitting"),
        (0.5 + NOISE[::-1], 0.6 - 0.02 * STEPS + NOISE, "regression"),
        (0.5 + NOISE[::-1], 1 - np.exp(-STEPS.astype(float)) + NOISE, "plateau"),
        (0.05 * STEPS, 0.05 * STEPS + NOISE, None),
        (0.05 * STEPS, 0.01 * STEPS + NOISE, None),  # slow, but still rising
        (0.05 * STEPS[:5], 0.6 - 0.2 * STEPS[:5], None),  # too few to tell
    ],
)
def test_checks_show_what_they_show(learning: Any, validation: Any, kind: str | None) -> None:
    found = findings_of_checks(checks(learning, validation))

    assert [item.kind for item in found] == ([kind] if kind else [])
    assert all(item.evidence.endswith(".") and item.advice.endswith(".") for item in found)


def test_checks_of_earlier_stages_do_not_count() -> None:
    falling = checks(0.05 * STEPS, 0.6 - 0.02 * STEPS + NOISE, "simple")
    rising = checks(0.05 * STEPS, 0.05 * STEPS + NOISE)

    assert findings_of_checks(falling + rising) == ()
    assert findings_of_checks([]) == ()


def test_checks_of_an_earlier_attempt_at_the_stage_do_not_count() -> None:
    falling = checks(0.05 * STEPS, 0.6 - 0.02 * STEPS + NOISE)
    rising = checks(0.05 * STEPS[:5], 0.3 + 0.05 * STEPS[:5])
    retried = [{**record, "attempt": 2} for record in rising]

    assert [item.kind for item in findings_of_checks(falling + rising)] == ["overfitting"]
    assert findings_of_checks(falling + retried) == ()


def test_a_slope_is_found_as_often_by_chance_as_its_p_value_says() -> None:
    generator = np.random.default_rng(0)
    p_values = [slope(generator.normal(size=10), permutations=200)[1] for _ in range(300)]

    # A twentieth of 300 is 15, with a standard error of 4.
    assert 3 <= sum(p < 0.05 for p in p_values) <= 27
    assert slope([0.0, 1.0, 2.0, 3.0, 40.0, 5.0])[0] == pytest.approx(1.0)


def test_a_moved_feature_drifts_and_the_others_do_not() -> None:
    generator = np.random.default_rng(0)
    train = generator.normal(size=(200, 12)).astype(np.float32)
    new = generator.normal(size=(80, 12)).astype(np.float32)
    new[:, 4] += 1

    found = drift(train, new, NAMES, permutations=400)
    finding = drift_finding(found)

    assert (found[0].feature, found[0].p < 0.05) == ("feature 4", True)
    assert found[0].moved == pytest.approx(1, abs=0.3)
    assert found[0].psi > 0.25
    assert all(item.p > 0.05 for item in found[1:])
    assert finding is not None
    assert "feature 4 (+" in finding.evidence
    assert "feature 5" not in finding.evidence


def test_drift_is_found_by_chance_as_rarely_as_it_says() -> None:
    generator = np.random.default_rng(5)
    found = 0
    for seed in range(200):
        train = generator.normal(size=(50, 12)).astype(np.float32)
        new = generator.standard_normal((30, 12)).astype(np.float32)
        found += drift(train, new, NAMES, permutations=100, seed=seed)[0].p <= 0.05

    # A twentieth of 200 is 10, with a standard error of 3.
    assert found <= 19


def test_brands_are_permuted_whole() -> None:
    """Ten copies of each of a few brands are few observations."""
    generator = np.random.default_rng(2)
    train = np.repeat(generator.normal(size=(12, 4)), 10, axis=0).astype(np.float32)
    new = np.repeat(generator.normal(size=(6, 4)), 10, axis=0).astype(np.float32)
    brands = [f"old {n // 10}" for n in range(120)], [f"new {n // 10}" for n in range(60)]

    alone = drift(train, new, NAMES[:4], permutations=300)
    together = drift(train, new, NAMES[:4], permutations=300, train_groups=brands[0],
                     new_groups=brands[1])  # fmt: skip

    assert alone[0].p < 0.05
    assert together[0].p > 0.05


def test_what_never_varies_does_not_drift_and_too_little_is_refused() -> None:
    same = np.ones((5, 2), np.float32)

    assert drift(same, same, NAMES) == ()
    assert drift_finding(()) is None
    with pytest.raises(DataError, match="at least 2"):
        drift(same, same[:1], NAMES)
    constant = drift(same, same + 1, NAMES, permutations=100)
    assert constant[0].distance == pytest.approx(2.0)


def test_the_history_of_runs_is_in_order_and_survives_a_damaged_file(
    judgement: Judgement, tmp_path: Path
) -> None:
    runs = [RunDirectory(tmp_path / name) for name in ("one", "two")]
    for run, day in zip(runs, (2, 1), strict=True):
        folder = run.validation / f"2026010{day}-000000-step-000000512"
        folder.mkdir(parents=True)
        write_results(folder, record_of(judgement, created=f"2026-01-0{day}"), judgement)
    (runs[0].validation / "broken").mkdir()
    write_text(runs[0].validation / "broken" / "results.json", "{")

    found = history(runs)

    assert [item.run for item in found] == ["two"] * 3 + ["one"] * 3
    assert [item.taste for item in found[:3]] == ["fidelity", "balanced", "compact"]
    assert found[0].gain == pytest.approx(2.0)


def test_findings_are_told_with_what_to_do_and_kept(judgement: Judgement, tmp_path: Path) -> None:
    finding = Finding("plateau", "Nothing gained.", "End it.")
    record = record_of(judgement, beyond=Beyond(findings=(finding,)))

    write_results(tmp_path, record, judgement)

    assert "Plateau: Nothing gained. End it." in headline(record)
    assert read_record(tmp_path) == record
