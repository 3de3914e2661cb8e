"""The best validation check so far, and when a new one is better beyond noise."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student

from vtrain.training.check import Check
from vtrain.validation.statistics import guarded_ratio


@dataclass(frozen=True, slots=True)
class Best:
    """The best validation check so far.

    Attributes:
        utility: Its mean utility over the baseline.
        step: Traces behind its checkpoint.
        values: Utility of each image of the check, for a paired comparison; empty when unknown.
    """

    utility: float
    step: int
    values: tuple[float, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"utility": self.utility, "step": self.step, "values": list(self.values)}

    @classmethod
    def from_document(cls, document: Any) -> Best | None:
        """What `to_document` gave, or the pair (utility, step) of earlier checkpoints."""
        if document is None:
            return None
        if isinstance(document, Mapping):
            values = tuple(float(value) for value in document["values"])
            return cls(float(document["utility"]), int(document["step"]), values)
        utility, step = document
        return cls(float(utility), int(step))


def is_better(check: Check, best: Best | None, confidence: float) -> bool:
    """Whether a check is better than the best beyond noise.

    One-sided and paired, image by image: `guarded_ratio` of the differences must exceed Student's
    quantile. ``scripts/simulate_promotion.py`` measures how often equal policies are promoted.

    Where the images are not the same ones or only one, the larger mean decides.

    Args:
        check: The new one.
        best: The best so far; None when there is none.
        confidence: 0.5 takes any larger mean.
    """
    if best is None:
        return True
    if check.utility <= best.utility:
        return False
    if len(check.values) != len(best.values) or len(check.values) < 2:
        return True
    gains = [new - old for new, old in zip(check.values, best.values, strict=True)]
    return gains_beyond_noise(gains, confidence)


def gains_beyond_noise(gains: Sequence[float], confidence: float) -> bool:
    """Whether the mean of paired differences is above zero beyond noise: see `is_better`.

    Args:
        gains: At least two.
        confidence: 0.5 takes any mean above zero.
    """
    count, mean = len(gains), statistics.fmean(gains)
    if mean <= 0 or confidence <= 0.5:
        return mean > 0
    return guarded_ratio(gains) > float(student.ppf(confidence, count - 1))
