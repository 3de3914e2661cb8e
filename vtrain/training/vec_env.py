"""Many episodes at once over one engine: stable-baselines3's vectorised environment.

All traces of a step go to the engine together, which spreads them over its workers longest first.
With more environments than workers a slow trace holds up one worker, not the rest, and the results
do not depend on how many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from vtrain.environment.engine import Engine
from vtrain.environment.env import action_space, observation_space
from vtrain.environment.episode import Episode, Rules
from vtrain.environment.measurement import Measurement
from vtrain.environment.observation import Attempt
from vtrain.environment.sampler import Draw, EpisodeSampler, Membership
from vtrain.training.finite import check_observations, check_rewards
from vtrain.training.sharing import Outcome


@dataclass(frozen=True, slots=True)
class FinishedEpisode:
    """An episode that ended.

    Attributes:
        image: Image id.
        taste: Lambda.
        gain: Best utility over the baseline's.
        failures: Traces that failed in its last step (count).
        measurement: Its last trace.
    """

    image: str
    taste: float
    gain: float
    failures: int
    measurement: Measurement


class TraceVecEnv(VecEnv):
    """Episodes that step together.

    Args:
        rules: Reward, features and normaliser.
        sampler: Draws image and taste by episode number.
        engine: Measures.
        count: Environments.
        membership: Called for the images to draw from when an episode starts.
    """

    def __init__(
        self,
        rules: Rules,
        sampler: EpisodeSampler,
        engine: Engine,
        *,
        count: int,
        membership: Callable[[], Membership],
    ) -> None:
        super().__init__(count, observation_space(), action_space())
        self._rules = rules
        self._sampler = sampler
        self._engine = engine
        self._membership = membership
        self._next = 0
        self._episodes: list[Episode] = []
        self._actions: list[tuple[int, ...]] = []
        self.finished: list[FinishedEpisode] = []
        self.outcomes: list[tuple[Outcome, ...]] = []
        """The trace of each environment, at each step of the rollout; see `updates`."""
        self.drawn: list[tuple[Draw, ...]] = []
        """Image and taste of each environment, at each step of the rollout; see `updates`."""

    def reset(self) -> NDArray[np.float32]:
        """Start an episode in every environment; observations of shape (count, size)."""
        self._episodes = [self._start() for _ in range(self.num_envs)]
        return self._observations()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take the actions that `step_wait` will trace, shape (count, rows of the table)."""
        self._actions = [tuple(int(level) for level in row) for row in actions]

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Trace, score, and start a new episode wherever one has ended.

        Raises:
            NonFiniteError: A gain, a reward or an observation is not finite.
        """
        pairs = list(zip(self._episodes, self._actions, strict=True))
        wanted = [episode.requests(action) for episode, action in pairs]
        flat = iter(self._engine.measure([request for requests in wanted for request in requests]))
        measured = [[next(flat) for _ in requests] for requests in wanted]
        draws = self.under_way
        self.drawn.append(draws)
        self.outcomes.append(
            tuple(Outcome(draw, *each[:2]) for draw, each in zip(draws, measured, strict=True))
        )
        rewards = np.zeros(self.num_envs, np.float32)
        dones = np.zeros(self.num_envs, np.bool_)
        infos: list[dict[str, Any]] = []
        for index, (episode, action) in enumerate(pairs):
            step = episode.step(action, measured[index])
            rewards[index], dones[index] = step.reward, step.done
            info: dict[str, Any] = {"TimeLimit.truncated": False}
            if step.done:
                info["terminal_observation"] = episode.observation
                self.finished.append(
                    FinishedEpisode(
                        image=episode.draw.image,
                        taste=episode.draw.taste,
                        gain=float(episode.best_gain or 0.0),
                        failures=int(step.measurement.failure is not None),
                        measurement=step.measurement,
                    )
                )
                self._episodes[index] = self._start()
            infos.append(info)
        check_rewards(rewards, draws)
        return self._observations(), rewards, dones, infos

    @property
    def rules(self) -> Rules:
        """Reward, features and normaliser."""
        return self._rules

    @property
    def under_way(self) -> tuple[Draw, ...]:
        """Image and taste of each environment now."""
        return tuple(episode.draw for episode in self._episodes)

    def take_finished(self) -> list[FinishedEpisode]:
        """The episodes that ended since the last call."""
        finished, self.finished = self.finished, []
        return finished

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as JSON values."""
        return {
            "next": self._next,
            "episodes": [
                {
                    "draw": asdict(episode.draw),
                    "taken": episode.taken,
                    "best_gain": episode.best_gain,
                    "last": None if episode.last is None else asdict(episode.last),
                }
                for episode in self._episodes
            ],
        }

    def restore(self, state: dict[str, Any]) -> NDArray[np.float32]:
        """Go on from a `state`; the observations there."""
        self._next = state["next"]
        self._episodes = [self._restored(saved) for saved in state["episodes"]]
        self.finished, self.drawn, self.outcomes = [], [], []
        return self._observations()

    def _restored(self, saved: dict[str, Any]) -> Episode:
        episode = Episode(self._rules, Draw(**saved["draw"]))
        episode.taken = saved["taken"]
        episode.best_gain = saved["best_gain"]
        last = saved["last"]
        if last is not None:
            episode.last = Attempt(
                tuple(last["action"]), Measurement(**last["native"]), last["gain"], last["best"]
            )
        return episode

    def _start(self) -> Episode:
        draw = self._sampler.draw(self._next, self._membership())
        self._next += 1
        return Episode(self._rules, draw)

    def _observations(self) -> NDArray[np.float32]:
        observations = np.stack([episode.observation for episode in self._episodes])
        check_observations(observations, self.under_way)
        return observations

    def close(self) -> None:
        """Nothing to close: the engine belongs to the caller."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """As `VecEnv.get_attr`; the attributes are the same in every environment."""
        return [getattr(self, attr_name, None) for _ in self._places(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not supported: environments have no attributes of their own."""
        raise NotImplementedError(f"environments have no attribute {attr_name!r} to set")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Not supported: environments have no methods of their own."""
        raise NotImplementedError(f"environments have no method {method_name!r} to call")

    def env_is_wrapped(
        self,
        wrapper_class: type[Any],  # noqa: ARG002  part of the interface
        indices: Any = None,
    ) -> list[bool]:
        """No environment is wrapped."""
        return [False for _ in self._places(indices)]

    def _places(self, indices: Any) -> Iterable[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
