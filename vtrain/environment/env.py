"""The gymnasium environment, registered as ``vtrain/Trace-v0``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from vtrain.config.section import CATEGORIES, Category
from vtrain.environment.engine import Engine
from vtrain.environment.episode import Episode, Rules
from vtrain.environment.observation import LIMIT, OBSERVATION_SIZE
from vtrain.environment.sampler import Draw, EpisodeSampler, Membership
from vtrain.tracing.parameters import ACTION_LEVELS

ENV_ID = "vtrain/Trace-v0"


def observation_space() -> gymnasium.spaces.Box:
    """Space of `vtrain.environment.observation.observe`."""
    return gymnasium.spaces.Box(-LIMIT, LIMIT, (OBSERVATION_SIZE,), np.float32)


def action_space() -> gymnasium.spaces.MultiDiscrete:
    """One level index per row of the parameter table."""
    return gymnasium.spaces.MultiDiscrete(np.array(ACTION_LEVELS, np.int64))


class TraceEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.int64]]):
    """One image at a time: an action traces it, the reward is the gain over the baseline.

    An episode is drawn from the sampler at each reset. `reset(seed=...)` starts the sequence of
    episodes at a place that depends on the seed alone; `options` may hold ``image``, ``taste`` and
    ``episode`` to ask for a certain one.

    Args:
        rules: Reward, features and normaliser.
        sampler: Draws image and taste.
        engine: Measures.
        categories: Categories drawn from.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  gymnasium declares it so

    def __init__(
        self,
        rules: Rules,
        sampler: EpisodeSampler,
        engine: Engine,
        categories: tuple[Category, ...] = CATEGORIES,
    ) -> None:
        self.observation_space: gymnasium.spaces.Space[Any] = observation_space()
        self.action_space = action_space()
        self._rules = rules
        self._sampler = sampler
        self._engine = engine
        self._membership = Membership(categories)
        self._next = 0
        self._episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode. See the class for `options`."""
        super().reset(seed=seed)
        if seed is not None:
            self._next = int(np.random.default_rng(seed).integers(1 << 31))
        wanted = options or {}
        number = int(wanted.get("episode", self._next))
        drawn = self._sampler.draw(number, self._membership)
        self._next = number + 1
        draw = Draw(wanted.get("image", drawn.image), float(wanted.get("taste", drawn.taste)))
        self._episode = Episode(self._rules, draw)
        return self._episode.observation, {"image": draw.image, "taste": draw.taste}

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Trace the image with an action of one level for each row of `PARAMETERS`.

        Raises:
            RuntimeError: `reset` was not called, or the episode is over.
        """
        if self._episode is None:
            raise RuntimeError("call reset() before step(), and after an episode has ended")
        episode = self._episode
        chosen = tuple(int(level) for level in action)
        step = episode.step(chosen, self._engine.measure(episode.requests(chosen)))
        if step.done:
            self._episode = None
        info = {
            "gain": step.gain,
            "failure": step.measurement.failure,
            "measurement": step.measurement.as_dict(),
        }
        return episode.observation, step.reward, step.done, False, info

    def close(self) -> None:
        """Close the measurement cache."""
        self._engine.close()
