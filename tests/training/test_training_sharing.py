"""Each trace counts for every taste of its image: weights, baselines, and what an update is fed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, MultiDiscrete
from stable_baselines3 import PPO

from tests.training.conftest import tiny
from vtrain.environment.episode import Rules, reward_scale
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Measurement, failed
from vtrain.environment.observation import Normaliser
from vtrain.environment.sampler import Draw
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.tracing.parameters import ACTION_LEVELS, mattering
from vtrain.training.model import policy_weights, shares_traces
from vtrain.training.sharing import (
    Outcome,
    SharedRollout,
    _judged,
    _rewards,
    _weights,
    share,
)
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]
PLAIN = Measurement(
    appearance=1.0,
    precision=1.0,
    recall=1.0,
    colour_error=0.0,
    truth=1.0,
    stray=0.0,
    facets=0.0,
    segments=10,
    paths=1,
    colours=1,
    bytes=1000,
    gzip_bytes=None,
    pixels=1000,
)


def rules() -> Rules:
    config = tiny()
    zeros = np.zeros(len(FEATURES), np.float32)
    return Rules(config.environment, config.scoring, Normaliser(zeros, zeros + 1), {"a": zeros})


def test_weighted_traces_of_a_group_tell_what_each_state_would_earn() -> None:
    # Three states with different preferences over four actions; every outcome of one draw each.
    generator = np.random.default_rng(0)
    policies = generator.dirichlet(np.ones(4), 3)
    rewards = generator.normal(0, 1, (3, 4))
    expected = np.zeros(3)
    for drawn in product(range(4), repeat=3):
        chance = np.prod([policies[state, action] for state, action in enumerate(drawn)])
        weights = _weights(np.log(policies[:, drawn]).astype(np.float32))
        np.testing.assert_allclose(weights.sum(axis=0), 3, rtol=1e-5)
        expected += chance * (weights * rewards[:, drawn]).mean(axis=1)
    np.testing.assert_allclose(expected, (policies * rewards).sum(axis=1), atol=1e-5)


def test_a_trace_is_not_held_against_itself() -> None:
    generator = np.random.default_rng(1)
    weights = generator.random((3, 3)).astype(np.float32)
    rewards = generator.normal(0, 1, (3, 3)).astype(np.float32)
    values = generator.normal(0, 1, 3).astype(np.float32)
    advantages, _ = _judged(weights, rewards, values)
    more = rewards.copy()
    more[:, 1] += 5
    changed, _ = _judged(weights, more, values)
    np.testing.assert_allclose(changed[:, 1] - advantages[:, 1], 5, rtol=1e-5)
    # The others of the group are held against it.
    assert (changed[:, [0, 2]] < advantages[:, [0, 2]]).all()


def test_a_trace_earns_at_each_taste_what_an_episode_there_would() -> None:
    small = replace(PLAIN, bytes=500, segments=5)
    draws = [Draw("a", 0.15), Draw("a", 3.0)]
    outcomes = [Outcome(draws[0], PLAIN, PLAIN), Outcome(draws[1], small, PLAIN)]
    found = _rewards(outcomes, rules())
    assert found[:, 0].tolist() == [0.0, 0.0]
    scoring = tiny().scoring
    for row, draw in enumerate(draws):
        gain = small.utility(draw.taste, scoring) - PLAIN.utility(draw.taste, scoring)
        assert found[row, 1] == pytest.approx(gain * reward_scale(draw.taste), rel=1e-5)
    # Half the size is worth more where size counts for more.
    assert found[1, 1] > found[0, 1] > 0


def test_a_failed_trace_is_as_bad_at_every_taste() -> None:
    draws = [Draw("a", 0.15), Draw("a", 3.0)]
    outcomes = [
        Outcome(draw, one, PLAIN) for draw, one in zip(draws, (failed("panic"), PLAIN), strict=True)
    ]
    np.testing.assert_allclose(
        _rewards(outcomes, rules())[:, 0], -tiny().environment.failure_penalty, rtol=1e-6
    )


class _Model:
    """As much of a learner as sharing looks at: each row likes its first or its last levels."""

    def __init__(self, buffer: SharedRollout) -> None:
        self.rollout_buffer = buffer
        self.policy = self

    def get_distribution(self, states: torch.Tensor) -> _Model:
        self.distribution = [liking(states, levels) for levels in ACTION_LEVELS]
        return self


def liking(states: torch.Tensor, levels: int) -> torch.distributions.Categorical:
    return torch.distributions.Categorical(logits=states * torch.linspace(0.2, -0.2, levels))


def filled(environments: int) -> SharedRollout:
    """A buffer of two steps."""
    buffer = SharedRollout(
        2, Box(-1, 1, (1,)), MultiDiscrete(list(ACTION_LEVELS)), device="cpu", n_envs=environments
    )
    generator = np.random.default_rng(2)
    for _ in range(2):
        buffer.add(
            generator.uniform(-1, 1, (environments, 1)).astype(np.float32),
            generator.integers(ACTION_LEVELS, size=(environments, len(ACTION_LEVELS))),
            np.zeros(environments, np.float32),
            np.ones(environments, np.float32),
            torch.from_numpy(generator.normal(0, 1, environments).astype(np.float32)),
            torch.zeros(environments),
        )
    return buffer


def outcomes_of(images: str) -> list[list[Outcome]]:
    """Two steps; the same images in both."""
    better = replace(PLAIN, appearance=3.0)
    return [
        [
            Outcome(Draw(image, 0.15 + place), better if place % 2 else PLAIN, PLAIN)
            for place, image in enumerate(images)
        ]
        for _ in range(2)
    ]


def test_with_one_episode_an_image_nothing_is_shared() -> None:
    buffer = filled(2)
    share(_Model(buffer), outcomes_of("ab"), rules())  # type: ignore[arg-type]
    samples = buffer.samples
    assert samples is not None
    np.testing.assert_array_equal(samples.actions, buffer.actions.reshape(4, -1))
    np.testing.assert_array_equal(samples.observations, buffer.observations.reshape(4, 1))
    rewards = [0.0, 2.0 * reward_scale(1.15)] * 2
    np.testing.assert_allclose(samples.returns, rewards, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        samples.advantages, rewards - buffer.values.reshape(4), rtol=1e-5, atol=1e-6
    )


def test_groups_share_and_the_count_of_gradient_steps_stays() -> None:
    buffer = filled(4)
    share(_Model(buffer), outcomes_of("aaab"), rules())  # type: ignore[arg-type]
    samples = buffer.samples
    assert samples is not None
    # Nine of the three that share, and one by itself, in each step.
    assert len(samples.advantages) == 2 * (9 + 1)
    batches = list(buffer.get(4))
    assert len(batches) == 2
    assert sum(len(batch.advantages) for batch in batches) == 20
    # The log-probability is that of the picture in the state of its row, not where it was drawn.
    state, action = torch.from_numpy(samples.observations[1]), samples.actions[1]
    rows = zip(ACTION_LEVELS, action, mattering(tuple(action.tolist())), strict=True)
    expected = sum(
        float(liking(state, levels).logits[level]) for levels, level, matters in rows if matters
    )
    assert samples.log_probs[1] == pytest.approx(expected, rel=1e-5)


def test_a_rollout_after_the_next_shares_nothing_of_the_one_before() -> None:
    buffer = filled(2)
    share(_Model(buffer), outcomes_of("aa"), rules())  # type: ignore[arg-type]
    buffer.reset()
    assert buffer.samples is None


def test_training_shares_traces_unless_told_otherwise_or_episodes_are_longer(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shares_traces(tiny())
    assert not shares_traces(tiny("ppo.share_traces=false"))
    assert not shares_traces(tiny("environment.traces=2"))
    fed: dict[str, list[int]] = {}
    learn = PPO.train

    def noted(model: PPO) -> None:
        buffer = model.rollout_buffer
        assert isinstance(buffer, SharedRollout)
        fed[name].append(0 if buffer.samples is None else len(buffer.samples.advantages))
        before = policy_weights(model)
        learn(model)
        assert any((before[key] != array).any() for key, array in policy_weights(model).items())

    monkeypatch.setattr(PPO, "train", noted)
    for name, override in (("shared", "seed=0"), ("own", "ppo.share_traces=false")):
        fed[name] = []
        run = new_run(name)
        train(tiny(override), run)
        assert [row["traces"] for row in read_jsonl(run.metrics)] == [16, 32, 48, 64]
    assert fed["own"] == [0, 0, 0, 0]
    assert all(count > 16 for count in fed["shared"])
