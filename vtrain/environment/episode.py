"""The episode: one image, one taste, one to several traces, and the reward of each.

The reward of a step is the improvement of the best trace so far, so the return telescopes to the
best utility found, over that of a baseline on the same image: easy and hard logos weigh alike. So
do tastes: the dearer size is, the further apart are utilities, and rewards are scaled accordingly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vtrain.config.schema import EnvironmentConfig
from vtrain.config.scoring import ScoringConfig
from vtrain.config.tastes import TASTES
from vtrain.environment.measurement import Measurement, Request
from vtrain.environment.observation import Attempt, Normaliser, Vector, observe
from vtrain.environment.sampler import Draw
from vtrain.errors import NonFiniteError
from vtrain.tracing.parameters import Action, canonical, encode_settings, preset

_UNIT_TASTE = TASTES["balanced"]
"""The lambda at which a reward is a utility as it stands."""


def reward_scale(taste: float) -> float:
    """What utilities at a taste are multiplied by so that those of all tastes spread alike.

    With weights that sum to one, ``(appearance - lambda * cost) / (1 + lambda)`` is a weighted mean
    of looks and cost at every taste.

    Args:
        taste: Lambda.
    """
    return (1 + _UNIT_TASTE) / (1 + taste)


@dataclass(frozen=True, slots=True)
class Step:
    """What a trace led to.

    Attributes:
        reward: Improvement of the best gain so far, times `reward_scale`.
        done: Whether that was the episode's last trace.
        gain: This trace's utility over the baseline's, clipped; the penalty when it failed.
        measurement: The trace, judged against the reference.
    """

    reward: float
    done: bool
    gain: float
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Rules:
    """What all episodes of an environment share."""

    environment: EnvironmentConfig
    scoring: ScoringConfig
    normaliser: Normaliser
    features: Mapping[str, Vector]

    @property
    def baseline(self) -> Action:
        """The action that rewards are measured against."""
        return canonical(encode_settings(preset(self.environment.baseline)))

    @property
    def needs_native(self) -> bool:
        """Whether the policy is told what its traces scored: only when it may try again."""
        return self.environment.traces > 1

    def gain(self, measurement: Measurement, baseline: Measurement, draw: Draw) -> float:
        """Utility of a trace over the baseline's, clipped; failures are worse than any success.

        Args:
            measurement: The trace.
            baseline: The baseline on the same image, judged likewise.
            draw: The image, and the taste at which both are compared.

        Raises:
            NonFiniteError: It is not finite.
        """
        scale = reward_scale(draw.taste)
        if measurement.failure:
            return -self.environment.failure_penalty / scale
        ours, theirs = (one.utility(draw.taste, self.scoring) for one in (measurement, baseline))
        gain = ours - theirs
        if not math.isfinite(gain):  # clipped, it would be the largest reward there is
            raise NonFiniteError(
                f"The gain of a trace of image {draw.image} at taste {draw.taste:g} is {gain}.",
                what="gain",
                images=(draw.image,),
            )
        limit = self.environment.reward_limit / scale
        return max(-limit, min(limit, gain))


class Episode:
    """One image being traced.

    Args:
        rules: What all episodes share.
        draw: Image and taste.
    """

    def __init__(self, rules: Rules, draw: Draw) -> None:
        self._rules = rules
        self.draw = draw
        self.taken = 0
        self.best_gain: float | None = None
        self.last: Attempt | None = None
        self._features = rules.normaliser.apply(rules.features[draw.image])

    @property
    def observation(self) -> Vector:
        """What the policy sees now."""
        left = 1 - self.taken / self._rules.environment.traces
        return observe(self._features, self.draw.taste, left=left, last=self.last)

    def requests(self, action: Action) -> list[Request]:
        """The measurements that a step with this action needs, in the order `step` takes them."""
        image, baseline = self.draw.image, self._rules.baseline
        wanted = [Request(image, canonical(action)), Request(image, baseline)]
        if self._rules.needs_native:
            wanted += [
                Request(image, canonical(action), native=True),
                Request(image, baseline, native=True),
            ]
        return wanted

    def step(self, action: Action, measured: list[Measurement]) -> Step:
        """Take the measurements of `requests` in.

        Args:
            action: The action they were requested for.
            measured: The measurements, in the order of the requests.

        Raises:
            NonFiniteError: The utility of a trace is not finite.
        """
        measurement, baseline = measured[0], measured[1]
        gain = self._rules.gain(measurement, baseline, self.draw)
        better = gain if self.best_gain is None else max(0.0, gain - self.best_gain)
        reward = better * reward_scale(self.draw.taste)
        self.best_gain = gain if self.best_gain is None else max(gain, self.best_gain)
        self.taken += 1
        if self._rules.needs_native:
            native_gain = self._rules.gain(measured[2], measured[3], self.draw)
            best = native_gain if self.last is None else max(native_gain, self.last.best)
            self.last = Attempt(canonical(action), measured[2], native_gain, best)
        done = self.taken >= self._rules.environment.traces
        return Step(reward, done, gain, measurement)
