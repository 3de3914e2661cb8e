"""The appearance model: how much better a picture looks, on the scale of a person's preference.

Bradley and Terry (1952): the difference of two appearances is the log-odds that a person prefers
the one. Monotone in each term. The weights are in ``appearance.json``
(see `vtrain.scoring.fit`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from vtrain.scoring.colour import CLIP


@dataclass(frozen=True, slots=True)
class Appearance:
    """Weights of the model.

    Attributes:
        contour: Weight of `contour_term`.
        colour: Weight of the mean clipped colour difference (per dE).
        floor: Keeps the logarithm finite for a perfect contour.
    """

    contour: float
    colour: float
    floor: float

    @classmethod
    def load(cls) -> Appearance:
        """The fitted weights."""
        return _load()

    def value(self, precision: float, recall: float, colour_error: float) -> float:
        """Appearance; larger looks better.

        Args:
            precision: Contour precision, 0 to 1.
            recall: Contour recall, 0 to 1.
            colour_error: Mean clipped colour difference (dE, 0 to 25).
        """
        contour = contour_term(precision, recall, self.floor)
        return self.contour * contour - self.colour * colour_error


def contour_term(precision: float, recall: float, floor: float) -> float:
    """``-log(1 - P * R + floor)``: every halving of what is missing counts alike."""
    return -math.log(1 - precision * recall + floor)


@cache
def _load() -> Appearance:
    text = files("vtrain.scoring").joinpath("appearance.json").read_text("utf-8")
    record = json.loads(text)
    return Appearance(record["contour"], record["colour"], record["floor"])


WORST = Appearance.load().value(0.0, 0.0, CLIP)
"""The lowest appearance there is: nothing where it should be, every colour far off."""
