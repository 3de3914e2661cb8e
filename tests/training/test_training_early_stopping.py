"""Training ends when the check has not gained for a while, and stays ended when gone on from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.training.conftest import tiny
from vtrain.config.schema import EarlyStoppingConfig
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.training.check import Check, check_policy
from vtrain.training.early_stopping import EarlyStopping
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]
HOPELESS = (
    "curriculum.enabled=false",
    "early_stopping.patience=2",
    "early_stopping.min_gain=100",
    "ppo.total_traces=160",
)


def after(config: EarlyStoppingConfig, *utilities: float) -> EarlyStopping:
    early = EarlyStopping(config)
    for utility in utilities:
        early.after_check(utility)
    return early


def test_patience_counts_the_checks_without_gain() -> None:
    config = EarlyStoppingConfig(patience=2, min_gain=0.5)

    assert after(config, 1.0, 1.4).reason is None
    assert after(config, 1.0, 1.4, 1.4).reason == "early-stopping"
    assert after(config, 1.0, 1.4, 1.5, 1.9).reason is None


def test_standing_still_is_no_gain() -> None:
    assert after(EarlyStoppingConfig(patience=2), 1.0, 1.0, 1.0).reason == "early-stopping"


def test_without_patience_it_never_ends() -> None:
    assert after(EarlyStoppingConfig(), *[0.0] * 100).reason is None


def test_a_new_stage_is_given_the_whole_patience() -> None:
    early = after(EarlyStoppingConfig(patience=2), 1.0, 0.9)

    early.new_stage()
    early.after_check(0.9)
    assert early.reason is None
    early.after_check(0.9)
    assert early.reason == "early-stopping"


def test_a_check_far_below_the_best_one_is_divergence() -> None:
    config = EarlyStoppingConfig(max_drop=2.0, min_gain=10.0)

    assert after(config, 1.0, -0.9).reason is None
    assert after(config, 1.0, 1.5, -0.5).reason == "diverged"
    assert after(EarlyStoppingConfig(max_drop=0.0), 1.0, -99.0).reason is None


def test_a_collapse_outlasts_the_stage_and_the_resume() -> None:
    config = EarlyStoppingConfig(max_drop=2.0)
    early, again = after(config, 1.0, -1.0), EarlyStopping(config)
    early.new_stage()

    again.restore(json.loads(json.dumps(early.state())))

    assert (early.reason, again.reason) == ("diverged", "diverged")
    patient = EarlyStopping(EarlyStoppingConfig(max_drop=3.0))
    patient.restore(early.state())
    assert patient.reason is None


def test_a_state_from_before_the_fall_was_known_goes_on() -> None:
    early = EarlyStopping(EarlyStoppingConfig(max_drop=2.0))

    early.restore({"best": 1.0, "checks": 0})
    early.after_check(-1.0)

    assert early.reason == "diverged"


def test_a_restored_count_goes_on() -> None:
    config = EarlyStoppingConfig(patience=2)
    again = EarlyStopping(config)

    again.restore(after(config, 1.0, 0.5).state())
    again.after_check(0.7)

    assert again.reason == "early-stopping"


def test_a_training_without_gain_ends_and_stays_so(new_run: NewRun) -> None:
    """Checks fall after updates 2, 4 and 6; none gains 100."""
    run = new_run("run")

    result = train(tiny(*HOPELESS), run)
    again = train(tiny(*HOPELESS), run, resume=True)
    more = train(tiny(*HOPELESS, "early_stopping.patience=3"), run, resume=True)

    assert (result.stopped, result.updates) == ("early-stopping", 6)
    assert (again.stopped, again.updates) == ("early-stopping", 6)
    assert (more.stopped, more.updates) == ("early-stopping", 8)
    assert [row["update"] for row in read_jsonl(run.metrics)] == list(range(1, 9))
    ends = [event["stopped"] for event in read_jsonl(run.events) if event["kind"] == "end"]
    assert ends == ["early-stopping"] * 3


def test_a_training_that_collapses_ends_as_diverged(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    falling = iter((1.0, 0.5, -4.0))

    def check(*arguments: Any) -> Check:
        return replace(check_policy(*arguments), utility=next(falling))

    monkeypatch.setattr("vtrain.training.session.check_policy", check)

    result = train(tiny("curriculum.enabled=false", "ppo.total_traces=160"), run)
    again = train(tiny("curriculum.enabled=false", "ppo.total_traces=160"), run, resume=True)

    assert (result.stopped, result.updates) == ("diverged", 4)
    assert (again.stopped, again.updates) == ("diverged", 4)
    ends = [event["stopped"] for event in read_jsonl(run.events) if event["kind"] == "end"]
    assert ends == ["diverged"] * 2
