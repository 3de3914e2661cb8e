"""The mean of the weights that learning goes through: what a policy in training is used with.

Steps that are large enough to learn shake the weights around where they are going. Their mean is
steadier, and was better than the newest in each training that was looked at (docs/research.md).
Learning itself goes on from the newest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_ETA = 3
"""Of polynomial-decay averaging: how much less the first updates count than the latest."""


class WeightAverage:
    """Weights averaged over updates, the latest counting most.

    Polynomial-decay averaging (Shamir and Zhang, Stochastic gradient descent for non-smooth
    optimization, 2013) until as many updates are done as it is long, then an exponential moving
    average.

    Args:
        updates: Its length: the latest update counts for one part in so many, at least; 1 leaves
            the newest weights as they are.
    """

    def __init__(self, updates: int) -> None:
        self._least_share = 1.0 / updates
        self._count = 0
        self.weights: Arrays = {}
        """The mean; before the first update, what learning starts from."""

    def start(self, weights: Arrays) -> None:
        """Begin anew with what learning starts from, which the first update replaces."""
        self.weights, self._count = weights, 0

    def add(self, weights: Arrays) -> None:
        """Take the weights after an update in."""
        self._count += 1
        share = np.float32(max(self._least_share, (_ETA + 1) / (self._count + _ETA)))
        self.weights = {
            name: before + share * (weights[name] - before) if share < 1 else weights[name]
            for name, before in self.weights.items()
        }

    @property
    def count(self) -> int:
        """Updates since the start."""
        return self._count

    def restore(self, weights: Arrays, count: int) -> None:
        """Go on from a mean of so many updates."""
        self.weights, self._count = weights, count
