import math
import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from vtrain.config.schema import Config, EnvironmentConfig
from vtrain.environment.env import ENV_ID, TraceEnv
from vtrain.environment.episode import reward_scale
from vtrain.environment.measurement import Measurement
from vtrain.environment.registration import make_trace_env
from vtrain.errors import NonFiniteError
from vtrain.tracing.parameters import PARAMETERS, PRESETS, encode_settings


def test_it_is_made_by_name() -> None:
    env = gymnasium.make(f"vtrain.environment.registration:{ENV_ID}")

    observation, info = env.reset(seed=3)

    assert env.observation_space.contains(observation)
    assert {"image", "taste"} <= set(info)


@pytest.mark.parametrize("traces", [1, 3])
def test_gymnasium_and_stable_baselines3_find_nothing_wrong(traces: int) -> None:
    env = make_trace_env(config=Config(environment=EnvironmentConfig(traces=traces)))

    with warnings.catch_warnings():
        # gymnasium's checker cannot know the render modes of an environment it did not make.
        warnings.filterwarnings("ignore", message=".*not possible to be recreated.*")
        warnings.filterwarnings("ignore", message=".*doesn't have the spec.*")
        gymnasium_check(env, skip_render_check=True)
        sb3_check(env, warn=False)


def test_a_seed_fixes_the_episodes(shared_env: TraceEnv) -> None:
    def drawn() -> list[tuple[str, float]]:
        infos = [shared_env.reset(seed=5)[1]]
        infos += [shared_env.reset()[1] for _ in range(4)]
        return [(info["image"], info["taste"]) for info in infos]

    first = drawn()

    assert first == drawn()
    assert shared_env.reset(seed=6)[1] != shared_env.reset(seed=5)[1]


def test_the_baselines_own_action_gains_nothing(shared_env: TraceEnv) -> None:
    shared_env.reset(seed=1)
    recipe = np.array(encode_settings(PRESETS["recipe"]))

    _, reward, terminated, truncated, _ = shared_env.step(recipe)

    assert reward == 0.0
    assert terminated
    assert not truncated


def test_an_episode_can_be_asked_for(shared_env: TraceEnv) -> None:
    _, info = shared_env.reset(options={"image": "text-1", "taste": 0.7})

    assert info == {"image": "text-1", "taste": 0.7}


def test_rewards_of_several_traces_add_up_to_the_best_gain() -> None:
    env = make_trace_env(config=Config(environment=EnvironmentConfig(traces=3)))
    _, info = env.reset(seed=2)
    names = ("default", "recipe", "photo")
    steps = [env.step(np.array(encode_settings(PRESETS[name]))) for name in names]

    rewards = [float(step[1]) for step in steps]
    gains = [float(step[4]["gain"]) for step in steps]
    assert sum(rewards) == pytest.approx(max(gains) * reward_scale(info["taste"]))
    assert [step[2] for step in steps] == [False, False, True]
    assert not np.array_equal(steps[0][0], steps[1][0])


def test_rewards_weigh_looks_and_cost_with_weights_that_sum_to_one(shared_env: TraceEnv) -> None:
    """At every taste, up to one factor: so a dear size does not drown what is learned of looks."""
    action = np.array(encode_settings(replace(PRESETS["recipe"], upscale=1)))
    tastes = (0.5, 1.0, 3.0)
    rewards, shares = [], []
    for taste in tastes:
        shared_env.reset(options={"image": "text-1", "taste": taste})
        rewards.append(float(shared_env.step(action)[1]))
        shares.append(taste / (1 + taste))

    # What is a weighted mean of two figures lies on a line over the weight.
    assert len(set(rewards)) == len(tastes)
    assert rewards[1] == pytest.approx(np.interp(shares[1], shares[::2], rewards[::2]), abs=1e-5)


def test_a_failed_trace_is_a_penalty_worse_than_any_success() -> None:
    config = Config()
    config = config.model_copy(
        update={"tracing": config.tracing.model_copy(update={"output_limit": 10})}
    )
    env = make_trace_env(config=config)
    env.reset(seed=1)

    _, reward, terminated, _, info = env.step(np.array(encode_settings(PRESETS["default"])))

    assert reward == pytest.approx(-config.environment.failure_penalty)
    assert reward < -config.environment.reward_limit
    assert info["failure"] == "output-limit"
    assert terminated


def test_a_step_after_the_end_is_an_error(shared_env: TraceEnv) -> None:
    shared_env.reset(seed=1)
    shared_env.step(np.array(encode_settings(PRESETS["recipe"])))

    with pytest.raises(RuntimeError, match="reset"):
        shared_env.step(np.array(encode_settings(PRESETS["recipe"])))


def test_a_gain_that_is_not_a_number_is_no_reward(
    shared_env: TraceEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clipped, it would count as the largest reward."""
    _, info = shared_env.reset(seed=3)
    monkeypatch.setattr(Measurement, "utility", lambda *_: math.nan)

    with pytest.raises(NonFiniteError, match=f"image {info['image']} at taste") as caught:
        shared_env.step(np.zeros(len(PARAMETERS), np.int64))

    assert caught.value.images == (info["image"],)
