"""The policy in use is the mean of the weights that learning goes through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.training.conftest import tiny
from vtrain.checkpoints.store import CheckpointStore, Loaded
from vtrain.rundir import RunDirectory
from vtrain.training.averaging import Arrays, WeightAverage
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]


def weights(value: float) -> Arrays:
    return {"layer": np.full((2, 3), value, np.float32)}


def mean_of(values: list[float], *, updates: int, start: float = 100.0) -> float:
    average = WeightAverage(updates)
    average.start(weights(start))
    for value in values:
        average.add(weights(value))
    assert average.weights["layer"].dtype == np.float32
    assert np.ptp(average.weights["layer"]) == 0
    return float(average.weights["layer"][0, 0])


def test_before_any_update_it_is_what_learning_starts_from() -> None:
    assert mean_of([], updates=20) == 100.0


def test_the_first_update_replaces_what_learning_started_from() -> None:
    assert mean_of([3.0], updates=20) == 3.0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], 4 / 5),
        ([1.0, 0.0], 1 / 5),
        ([1.0, 0.0, 0.0], 1 / 5 * 2 / 6),
    ],
)
def test_the_latest_updates_count_most(values: list[float], expected: float) -> None:
    assert mean_of(values, updates=20) == pytest.approx(expected)


def test_one_update_is_the_newest_alone() -> None:
    assert mean_of([5.0, 7.0, 9.0], updates=1) == 9.0


def test_after_many_updates_the_latest_is_one_part_in_as_many_as_it_is_long() -> None:
    assert mean_of([*[0.0] * 500, 1.0], updates=20) == pytest.approx(1 / 20)


def test_what_it_was_given_is_not_changed() -> None:
    first, second = weights(1.0), weights(2.0)
    average = WeightAverage(20)
    average.start(weights(0.0))
    average.add(first)
    before = average.weights
    average.add(second)

    assert (first["layer"] == 1.0).all()
    assert (second["layer"] == 2.0).all()
    assert (before["layer"] == 1.0).all()


def newest(run: RunDirectory) -> Loaded:
    store = CheckpointStore(run.checkpoints)
    return store.load(store.resolve("latest"))


def test_a_training_saves_the_mean_as_its_policy_and_learns_the_same(new_run: NewRun) -> None:
    runs = {updates: new_run(f"run-{updates}") for updates in (1, 20)}

    for updates, run in runs.items():
        train(tiny(f"ppo.average_updates={updates}"), run)

    plain, averaged = (newest(run).tensors for run in runs.values())
    for name, array in plain["learner"].items():
        assert np.array_equal(array, plain["policy"][name]), name
        assert np.array_equal(array, averaged["learner"][name]), name
        assert not np.array_equal(array, averaged["policy"][name]), name
        assert np.allclose(array, averaged["policy"][name], atol=0.05), name
