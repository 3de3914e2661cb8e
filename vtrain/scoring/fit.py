"""Fitting of the appearance model to labelled pairs.

Each pair shows two traces of one logo, and a person has said which looks better. The model is
Bradley and Terry's (1952): the log-odds are a weighted sum of differences of terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vtrain.scoring.appearance import contour_term

FLOOR = 0.02
"""Keeps the contour term finite, and stops it from chasing agreement that no eye can tell."""
PRIOR = (3.25, 0.52)
"""Weights of contour and colour expected before any pair is seen."""
RIDGE = 3.0
"""Strength of the pull towards the prior, per squared relative deviation (nats): some forty pairs
say little about the weights. Between 2 and 4 one more is ordered right than at 1 or 8."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the model knows of one trace.

    Attributes:
        precision: Contour precision, 0 to 1.
        recall: Contour recall, 0 to 1.
        colour_error: Mean clipped colour difference (dE).
    """

    precision: float
    recall: float
    colour_error: float

    def values(self) -> tuple[float, float]:
        """The terms of the model, each larger for the better trace."""
        return contour_term(self.precision, self.recall, FLOOR), -self.colour_error


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights.

    Attributes:
        contour: Weight of the contour term.
        colour: Weight per dE.
        agreement: Share of pairs that the fit orders as labelled.
        held_out: The same for pairs left out of the fit, one at a time.
    """

    contour: float
    colour: float
    agreement: float
    held_out: float


def fit(pairs: Sequence[tuple[Terms, Terms]]) -> Fit:
    """Fit to pairs, the preferred trace first.

    Args:
        pairs: At least two.
    """
    differences = np.array(
        [np.subtract(better.values(), worse.values()) for better, worse in pairs], np.float64
    )
    weights = _weights(differences)
    rows = np.arange(len(differences))
    right = [float(differences[row] @ _weights(differences[rows != row])) > 0 for row in rows]
    return Fit(
        contour=float(weights[0]),
        colour=float(weights[1]),
        agreement=float(np.mean(differences @ weights > 0)),
        held_out=float(np.mean(right)),
    )


def _weights(differences: Matrix) -> Matrix:
    """Maximum likelihood with a ridge towards the prior; no weight under 0."""
    prior = np.array(PRIOR)

    def loss(weights: Matrix) -> float:
        odds = differences @ weights
        away = (weights - prior) / prior
        return float(np.logaddexp(0, -odds).sum() + RIDGE * (away @ away))

    found = minimize(loss, prior, bounds=[(0, None)] * len(prior), method="L-BFGS-B")
    return np.asarray(found.x, np.float64)
