"""The first value that is not finite: training stops, keeps what was good, and shows it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from stable_baselines3 import PPO

from tests.training.conftest import tiny
from tests.training.test_training_train import newest
from vtrain.checkpoints.store import CheckpointStore
from vtrain.environment.observation import OBSERVATION_NAMES, OBSERVATION_SIZE
from vtrain.environment.sampler import Draw, EpisodeSampler, Membership
from vtrain.errors import NonFiniteError
from vtrain.monitoring.supervise import start_sampler
from vtrain.rundir import RunDirectory, read_json, read_jsonl
from vtrain.training.check import check_policy
from vtrain.training.events import TrainingEvent
from vtrain.training.finite import check_losses, check_observations, check_rewards
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]
DRAWS = [Draw("one", 0.5), Draw("two", 1.0)]


def break_gradient(monkeypatch: pytest.MonkeyPatch, traces: int, name: str) -> None:
    """Have the gradient of a tensor hold a NaN in the update after so many traces."""
    learn = PPO.train

    def train_once(model: PPO) -> None:
        if model.num_timesteps != traces:
            learn(model)
            return
        tensor = dict(model.policy.named_parameters())[name]

        def spoil(gradient: torch.Tensor) -> torch.Tensor:
            gradient = gradient.clone()
            gradient.view(-1)[0] = math.nan
            return gradient

        # Before the hook that looks, as if it had come out of the loss so.
        hooks = tensor._backward_hooks
        assert hooks is not None
        looking = dict(hooks)
        hooks.clear()
        tensor.register_hook(spoil)  # type: ignore[no-untyped-call]
        hooks.update(looking)
        learn(model)

    monkeypatch.setattr(PPO, "train", train_once)


def failure(run: RunDirectory, update: int) -> dict[str, Any]:
    return read_json(run.failures / f"nonfinite-{update:05d}" / "nonfinite.json")


def test_a_bad_gradient_ends_training_at_the_last_good_state_and_comes_again(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    break_gradient(monkeypatch, 48, "mlp_extractor.policy_net.0.weight")
    config = tiny("checkpoints.every_updates=100", "validation.every_updates=100")

    with pytest.raises(NonFiniteError) as first:
        train(config, run)

    # Two updates were good; the third neither enters the curve nor a checkpoint.
    assert [row["update"] for row in read_jsonl(run.metrics)] == [1, 2]
    assert newest(run).documents["state"]["update"] == 2
    assert all(np.isfinite(array).all() for array in newest(run).tensors["policy"].values())
    kept = failure(run, 3)
    assert kept["what"] == "gradient of mlp_extractor.policy_net.0.weight"
    assert kept["checkpoint"] == CheckpointStore(run.checkpoints).resolve("latest").name
    assert kept["command"] == f"vtrain train --run {run.root} --resume"
    drawn = {image for step in kept["drawn"]["images"] for image in step}
    assert {image["id"] for image in kept["images"]} == drawn
    assert all(image["name"] and image["category"] and image["tastes"] for image in kept["images"])
    message = str(first.value)
    assert kept["what"] in message
    assert kept["images"][0]["id"] in message
    assert kept["command"] in message
    assert first.value.exit_code == 1
    (event,) = [event for event in read_jsonl(run.events) if event["kind"] == "non-finite"]
    assert event["what"] == kept["what"]

    with pytest.raises(NonFiniteError) as second:
        train(config, run, resume=True)

    assert str(second.value) == message
    assert failure(run, 3) == kept

    # What reproduces it outlives the training that goes on.
    monkeypatch.undo()
    going_on = tiny("checkpoints.every_updates=1", "checkpoints.keep_last=1")
    assert train(going_on, run, resume=True, accept_changes=True).updates == 4
    store = CheckpointStore(run.checkpoints)
    assert store.pins().keys() == {kept["checkpoint"]}
    assert store.resolve("32").name == kept["checkpoint"]


def test_a_checkpoint_that_cannot_be_pinned_does_not_hide_the_failure(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    break_gradient(monkeypatch, 32, "value_net.bias")
    told: list[TrainingEvent] = []
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    (run.checkpoints / "pins.json").write_text("no list", encoding="utf-8")

    with pytest.raises(NonFiniteError, match="value_net"):
        train(tiny(), run, on_event=told.append)

    assert failure(run, 2)["what"] == "gradient of value_net.bias"
    assert any("could not be pinned" in event.message for event in told)


def test_a_bad_gradient_is_a_critical_alert_until_training_goes_on(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    with monkeypatch.context() as patch, start_sampler(run, 0.2):
        break_gradient(patch, 48, "mlp_extractor.policy_net.0.weight")
        with pytest.raises(NonFiniteError):
            train(tiny(), run)
    told = [event for event in read_jsonl(run.events) if event["kind"] == "alert"]
    with start_sampler(run, 0.2):
        train(tiny(), run, resume=True)
    after = [event for event in read_jsonl(run.events) if event["kind"] == "alert"]

    assert [(alert["name"], alert["level"]) for alert in told] == [("non_finite", "critical")]
    assert [alert["level"] for alert in after] == ["critical", "resolved"]


def test_the_rollout_is_kept_by_step_and_environment(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    break_gradient(monkeypatch, 32, "value_net.bias")

    with pytest.raises(NonFiniteError):
        train(tiny(), run)

    kept = failure(run, 2)
    rollout = load_file(run.failures / "nonfinite-00002" / "rollout.safetensors")
    assert rollout["observations"].shape == (2, 8, OBSERVATION_SIZE)
    assert rollout["actions"].shape[:2] == (2, 8)
    for name in ("rewards", "values", "advantages"):
        assert rollout[name].shape == (2, 8), name
    # One trace an episode: with gamma 1 the advantage is what the value missed of the reward.
    assert rollout["advantages"] == pytest.approx(rollout["rewards"] - rollout["values"], abs=1e-5)
    tastes = rollout["observations"][..., OBSERVATION_NAMES.index("taste")]
    assert tastes == pytest.approx(np.array(kept["drawn"]["tastes"]), abs=1e-6)


def test_weights_that_overflow_end_training(new_run: NewRun) -> None:
    run = new_run("run")
    config = tiny("ppo.learning_rate=1e37", "ppo.final_learning_rate=1e37", "ppo.target_kl=0")

    with pytest.raises(NonFiniteError) as first:
        train(config, run)
    with pytest.raises(NonFiniteError) as second:
        train(config, run, resume=True)

    assert first.value.what.startswith(("output of", "weights", "optimiser's", "gradient of"))
    assert str(first.value) == str(second.value)
    assert read_jsonl(run.metrics) == []
    assert newest(run).documents["state"]["update"] == 0
    assert all(np.isfinite(array).all() for array in newest(run).tensors["policy"].values())


def test_a_bad_observation_names_its_image_and_entry(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    draw = EpisodeSampler.draw

    def odd(sampler: EpisodeSampler, episode: int, membership: Membership) -> Draw:
        drawn = draw(sampler, episode, membership)
        return Draw(drawn.image, math.nan) if episode == 43 else drawn

    monkeypatch.setattr(EpisodeSampler, "draw", odd)

    # Eight episodes begin before the first step, and eight after each: 43 begins within update 3.
    with pytest.raises(NonFiniteError, match=r"observation.*its entry log_taste is nan") as caught:
        train(tiny(), run)

    kept = failure(run, 3)
    assert [image["id"] for image in kept["images"]] == list(caught.value.images)
    assert len(kept["images"]) == 1
    assert kept["images"][0]["name"] in str(caught.value)
    assert newest(run).documents["state"]["update"] == 2


def test_a_bad_check_is_neither_recorded_nor_saved(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    checks = 0

    def check(network: Any, problem: Any, engine: Any, scoring: Any) -> Any:
        nonlocal checks
        checks += 1
        if checks == 2:
            scoring = scoring.model_copy(update={"bytes_weight": math.nan})
        return check_policy(network, problem, engine, scoring)

    monkeypatch.setattr("vtrain.training.session.check_policy", check)

    with pytest.raises(NonFiniteError, match="in the validation check is not finite"):
        train(tiny(), run)

    assert [row["update"] for row in read_jsonl(run.metrics)] == [1]
    assert newest(run).documents["state"]["update"] == 1
    assert failure(run, 2)["what"] == "utility of the validation check"


def test_observations_and_rewards_are_told_by_image_and_taste() -> None:
    observations = np.zeros((2, OBSERVATION_SIZE), np.float32)
    check_observations(observations, DRAWS)
    observations[1, OBSERVATION_NAMES.index("edge_density")] = np.inf

    with pytest.raises(NonFiniteError, match=r"image two at taste 1.*edge_density is inf") as odd:
        check_observations(observations, DRAWS)
    with pytest.raises(NonFiniteError, match=r"reward of image one at taste 0\.5 is nan"):
        check_rewards(np.array([np.nan, 0.0], np.float32), DRAWS)

    check_rewards(np.zeros(2, np.float32), DRAWS)
    assert odd.value.images == ("two",)


def test_figures_are_looked_at_but_for_one_that_may_be_undefined() -> None:
    check_losses({"loss": 0.5, "explained_variance": math.nan})

    with pytest.raises(NonFiniteError, match="figure approx_kl of the update is inf"):
        check_losses({"loss": 0.5, "approx_kl": math.inf})
