"""The best validation check so far, and when a new one is better beyond noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from vtrain.training.check import Check


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

    The mean of the differences, image by image, must exceed its standard error as often as the
    confidence asks for (one-sided, normal approximation). Where the images are not the same ones or
    only one, the larger mean decides.

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
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    return statistics.fmean(gains) > NormalDist().inv_cdf(confidence) * error
