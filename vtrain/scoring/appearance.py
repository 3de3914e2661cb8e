"""The appearance model: how much better a picture looks, on the scale of a person's preference.

Bradley and Terry (1952): the difference of two appearances is the log-odds that a person prefers
the one. A weighted sum of five faults, monotone in each term. The weights are in
``appearance.json`` (see `vtrain.scoring.fit`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from vtrain.scoring.colour import CLIP

STRAY_FLOOR, FACETS_FLOOR = 0.01, 0.2
"""Added before the logarithm: less than this is not seen."""
MOST_STRAY, MOST_FACETS = 3.0, 30.0
"""Nothing is told apart beyond."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the model knows of a picture.

    Attributes:
        colour_error: Mean clipped colour difference (dE, 0 to 25).
        recall: Share of the reference's edges that it has, 0 to 1.
        truth: Share of the visible edges whose direction is strictly the reference's, 0 to 1.
        stray: Visible edges where the reference has none, over those that it has; from 0.
        facets: Visible turns of outlines where the reference is smooth (per 100 px), from 0.
    """

    colour_error: float
    recall: float
    truth: float
    stray: float
    facets: float

    def faults(self) -> dict[str, float]:
        """What the model weighs, by name; each larger for the worse picture.

        The first stray edges and facets disturb most: each doubling counts alike.
        """
        return {
            "colour": self.colour_error,
            "lost": 1 - self.recall,
            "untruth": 1 - self.truth,
            "stray": math.log1p(min(self.stray, MOST_STRAY) / STRAY_FLOOR),
            "facets": math.log1p(min(self.facets, MOST_FACETS) / FACETS_FLOOR),
        }


@dataclass(frozen=True, slots=True)
class Appearance:
    """The model.

    Attributes:
        weights: Of each fault of `Terms.faults`, none under 0.
    """

    weights: Mapping[str, float]

    @classmethod
    def load(cls) -> Appearance:
        """The fitted weights."""
        return _load()

    def value(self, terms: Terms) -> float:
        """Appearance; 0 for a picture without fault, less for others."""
        return -sum(self.weights[name] * fault for name, fault in terms.faults().items())

    def parts(self, terms: Terms) -> dict[str, float]:
        """What each fault takes off, by name, none above 0; together the appearance."""
        return {name: 0.0 - self.weights[name] * fault for name, fault in terms.faults().items()}


@cache
def _load() -> Appearance:
    text = files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8")
    return Appearance(json.loads(text)["weights"])


WORST = Appearance.load().value(Terms(CLIP, 0.0, 0.0, MOST_STRAY, MOST_FACETS))
"""The lowest appearance there is: nothing where it should be, every colour far off."""
