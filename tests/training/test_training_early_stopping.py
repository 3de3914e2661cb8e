"""Training ends when the check has not gained for a while, and stays ended when gone on from."""

from __future__ import annotations

from collections.abc import Callable

from tests.training.conftest import tiny
from vtrain.config.schema import EarlyStoppingConfig
from vtrain.rundir import RunDirectory, read_jsonl
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
