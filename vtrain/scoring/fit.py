"""Fitting of the appearance model to labelled pairs.

Each pair shows two traces of one logo, and a person has said twice, in two orders, which looks
better. The model is Bradley and Terry's (1952): the log-odds are a weighted sum of differences of
faults. Pairs that were ordered both ways count half for either: without them the weights would be
those of an eye that never errs, and too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vtrain.scoring.appearance import Terms

RIDGE = 1.0
"""Strength of the pull of each weight towards zero, in units of its fault's spread (nats)."""
LEAST = {"lost": 20.0}
"""Weights that are not gone below. Hardly any pair has a trace that lost whole parts: going by the
pairs alone, leaving thin strokes out would cost next to nothing. Up to here they agree no less."""
FOLDS = 10

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two traces of one logo.

    Attributes:
        logo: Its name: pairs of one logo stay together when some are left out.
        better: The preferred one.
        worse: The other.
        decided: Whether both passes said so.
    """

    logo: str
    better: Terms
    worse: Terms
    decided: bool = True

    def difference(self) -> list[float]:
        """How much larger each fault of the worse one is."""
        better, worse = self.better.faults(), self.worse.faults()
        return [worse[name] - better[name] for name in better]


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights.

    Attributes:
        weights: Of each fault, by name.
        agreement: Share of the decided pairs that the fit orders as labelled.
        held_out: The same for pairs of logos that are left out of the fit, a tenth at a time.
        right: Whether each pair is ordered as labelled then; in the order given.
    """

    weights: dict[str, float]
    agreement: float
    held_out: float
    right: tuple[bool, ...]


def fit(pairs: Sequence[Pair], *, seed: int = 0) -> Fit:
    """Fit to pairs.

    Args:
        pairs: Of at least two logos.
        seed: Of the division into folds.
    """
    differences = np.array([pair.difference() for pair in pairs], np.float64)
    decided = np.array([pair.decided for pair in pairs])
    names = list(pairs[0].better.faults())
    least = np.array([LEAST.get(name, 0.0) for name in names])
    weights = _weights(differences, decided, least)
    folds = _folds([pair.logo for pair in pairs], seed)
    right = np.zeros(len(pairs), np.bool_)
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        right[out] = differences[out] @ _weights(differences[~out], decided[~out], least) > 0
    return Fit(
        weights=dict(zip(names, map(float, weights), strict=True)),
        agreement=float(np.mean((differences @ weights > 0)[decided])),
        held_out=float(np.mean(right[decided])),
        right=tuple(bool(one) for one in right),
    )


def _folds(logos: Sequence[str], seed: int) -> NDArray[np.intp]:
    """The fold of each pair: all of a logo in one."""
    names = sorted(set(logos))
    order = np.random.default_rng(seed).permutation(len(names))
    of_name = {names[int(index)]: place % FOLDS for place, index in enumerate(order)}
    return np.array([of_name[logo] for logo in logos], np.intp)


def _weights(differences: Matrix, decided: NDArray[np.bool_], least: NDArray[np.float64]) -> Matrix:
    """Maximum likelihood with a ridge; no weight under its least."""
    spread = np.sqrt((differences**2).mean(axis=0)) + 1e-12
    scaled = differences / spread

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        odds = scaled @ weights
        for_, against = np.logaddexp(0, -odds), np.logaddexp(0, odds)
        total = np.where(decided, for_, (for_ + against) / 2).sum()
        chance = np.exp(-against)
        slope = np.where(decided, -chance, 0.5 - chance)
        gradient = scaled.T @ slope + 2 * RIDGE * weights
        return float(total + RIDGE * (weights @ weights)), gradient

    bounds = [(low, None) for low in least * spread]
    found = minimize(loss, least * spread + 0.1, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x / spread, np.float64)
