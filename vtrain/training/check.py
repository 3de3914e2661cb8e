"""The validation check in training: the policy's likeliest action on held-out images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vtrain.agent.network import PolicyNetwork
from vtrain.config.scoring import ScoringConfig
from vtrain.config.section import CATEGORIES
from vtrain.environment.engine import Engine
from vtrain.environment.measurement import Request
from vtrain.environment.observation import observe
from vtrain.errors import NonFiniteError
from vtrain.tracing.parameters import canonical, encode_settings, preset
from vtrain.training.problem import Problem


@dataclass(frozen=True, slots=True)
class Check:
    """Means over images and the named tastes.

    Attributes:
        utility: Utility over the reward's baseline; chooses the best checkpoint.
        gain_default: Utility over VTracer's default.
        better: Share of traces, at fidelity, that look better than the default's.
        images: Images checked (count).
        error: Standard error of `utility` over the images; 0 for a single one.
        values: Utility over the baseline of each image, over the tastes.
        by_category: Mean utility over the baseline of the images of each category.
    """

    utility: float
    gain_default: float
    better: float
    images: int
    error: float = 0.0
    values: tuple[float, ...] = ()
    by_category: dict[str, float] = field(default_factory=dict)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the utility lies with 95 % confidence (normal approximation)."""
        reach = 1.96 * self.error
        return self.utility - reach, self.utility + reach

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, without the single images."""
        figures = asdict(self)
        del figures["values"]
        return {**figures, "interval": list(self.interval)}


def check_policy(
    network: PolicyNetwork, problem: Problem, engine: Engine, scoring: ScoringConfig
) -> Check:
    """Measure the likeliest action on every image of the check, at each named taste.

    Args:
        network: The policy.
        problem: Images and features.
        engine: Measures.
        scoring: Tastes and weights.

    Raises:
        NonFiniteError: The utility of an image is not finite.
    """
    taste = scoring.taste
    tastes = (taste.fidelity, taste.balanced, taste.compact)
    default = canonical(encode_settings(preset("default")))
    requests = []
    for entry in problem.check:
        features = network.normaliser.apply(problem.rules.features[entry.id])
        for value in tastes:
            action = network.most_probable(observe(features, value), 1)[0]
            requests.append(Request(entry.id, action))
        requests += [Request(entry.id, problem.rules.baseline), Request(entry.id, default)]
    measured = engine.measure(requests)
    over_default, better = 0.0, 0
    values: list[float] = []
    for first in range(0, len(measured), len(tastes) + 2):
        *ours, baseline, plain = measured[first : first + len(tastes) + 2]
        over_baseline = 0.0
        for value, mine in zip(tastes, ours, strict=True):
            utility = mine.utility(value, scoring)
            over_baseline += utility - baseline.utility(value, scoring)
            over_default += utility - plain.utility(value, scoring)
        values.append(over_baseline / len(tastes))
        better += ours[0].appearance > plain.appearance
    bad = [
        entry.id
        for entry, value in zip(problem.check, values, strict=True)
        if not math.isfinite(value)
    ]
    if bad:
        raise NonFiniteError(
            f"The utility of image {bad[0]} in the validation check is not finite.",
            what="utility of the validation check",
            images=tuple(bad),
        )
    count = len(problem.check)
    return Check(
        utility=statistics.fmean(values),
        gain_default=over_default / (count * len(tastes)),
        better=better / count,
        images=count,
        error=statistics.stdev(values) / math.sqrt(count) if count > 1 else 0.0,
        values=tuple(values),
        by_category=_by_category(problem, values),
    )


def _by_category(problem: Problem, values: Sequence[float]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for entry, value in zip(problem.check, values, strict=True):
        groups.setdefault(entry.category, []).append(value)
    return {name: statistics.fmean(groups[name]) for name in CATEGORIES if name in groups}
