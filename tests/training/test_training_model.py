"""The learner's schedules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stable_baselines3 import PPO

from tests.training.conftest import tiny
from vtrain.rundir import RunDirectory
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]


@pytest.mark.parametrize(
    ("traces", "left"),
    [(64, (0.75, 0.5, 0.25, 0.0)), (40, (0.6, 0.2, 0.0))],
    ids=["even", "beyond"],
)
def test_step_size_and_entropy_bonus_go_evenly_to_their_ends_and_no_further(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch, traces: int, left: tuple[float, ...]
) -> None:
    learn = PPO.train
    bonuses, steps = [], []

    def noted(model: PPO) -> None:
        learn(model)
        bonuses.append(model.ent_coef)
        steps.append(model.policy.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(PPO, "train", noted)
    # Sixteen traces an update; as stable-baselines3 counts, the first one is over when its step
    # size is asked for.
    train(
        tiny(
            f"ppo.total_traces={traces}",
            "ppo.ent_coef=0.02",
            "ppo.final_ent_share=0.2",
            "ppo.learning_rate=2e-3",
            "ppo.final_learning_rate=4e-4",
        ),
        new_run("run"),
    )

    assert bonuses == pytest.approx([0.004 + 0.016 * part for part in left])
    assert steps == pytest.approx([4e-4 + 1.6e-3 * part for part in left])
