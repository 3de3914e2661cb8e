"""The learner's schedules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stable_baselines3 import PPO

from tests.training.conftest import tiny
from vtrain.rundir import RunDirectory
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]


def test_step_size_and_entropy_bonus_go_evenly_to_their_ends(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = PPO.train
    bonuses, steps = [], []

    def noted(model: PPO) -> None:
        learn(model)
        bonuses.append(model.ent_coef)
        steps.append(model.policy.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(PPO, "train", noted)
    # Sixteen traces an update, so four updates; as stable-baselines3 counts, the first one is over
    # when its step size is asked for.
    train(
        tiny(
            "ppo.ent_coef=0.02",
            "ppo.final_ent_share=0.2",
            "ppo.learning_rate=2e-3",
            "ppo.final_learning_rate=4e-4",
        ),
        new_run("run"),
    )

    assert bonuses == pytest.approx([0.016, 0.012, 0.008, 0.004])
    assert steps == pytest.approx([1.6e-3, 1.2e-3, 8e-4, 4e-4])
