"""Stability: how much the policy's result moves when its input hardly changes.

For image i, taste t and disturbance d, with U the utility of what the policy (its most probable
choice, made anew for the changed input) comes to::

    delta(i, t, d) = U(i, t, d) - U(i, t)
    stability(i, t) = sqrt(mean over d of delta(i, t, d)^2)

It is 0 where nothing changes, and less is better. The figure of a set of images is the mean over
them, with a bootstrap interval that resamples brands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vtrain.validation.judge import Row
from vtrain.validation.measures import Stability
from vtrain.validation.outcomes import Outcome
from vtrain.validation.statistics import mean_interval
from vtrain.validation.summary import ALL


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What came of one image at one taste after one disturbance.

    Attributes:
        image: Image id of the undisturbed image.
        category: Its category.
        brand: Its brand.
        taste: Name of the taste.
        disturbance: Its name.
        difference: Utility minus that without the disturbance.
        changed: Whether the policy kept another action.
    """

    image: str
    category: str
    brand: str
    taste: str
    disturbance: str
    difference: float
    changed: bool


def compare_disturbed(
    plain: Sequence[Row], disturbed: Mapping[str, Sequence[Outcome]]
) -> tuple[Disturbed, ...]:
    """Pair the policy's rows with what it comes to after each disturbance.

    Args:
        plain: By image and taste.
        disturbed: By disturbance: the same images and tastes in the same order.
    """
    return tuple(
        Disturbed(
            image=before.image,
            category=before.category,
            brand=before.brand,
            taste=before.taste,
            disturbance=name,
            difference=after.utility - before.utility,
            changed=after.action != before.action,
        )
        for name, rows in disturbed.items()
        for before, after in zip(plain, rows, strict=True)
    )


def stability(
    found: Sequence[Disturbed], *, resamples: int, confidence: float
) -> tuple[Stability, ...]:
    """Stability per taste: of all images by disturbance, and of each category.

    Args:
        found: What `compare_disturbed` gave.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals, 0 to 1.
    """
    figures = []
    for taste in dict.fromkeys(item.taste for item in found):
        of_taste = [item for item in found if item.taste == taste]
        sets = {(ALL, ALL): of_taste}
        for item in of_taste:
            sets.setdefault((ALL, item.disturbance), []).append(item)
        for item in of_taste:
            sets.setdefault((item.category, ALL), []).append(item)
        for (category, disturbance), chosen in sets.items():
            spreads = _spreads(chosen)
            figures.append(
                Stability(
                    taste=taste,
                    category=category,
                    disturbance=disturbance,
                    n=len(spreads),
                    spread=mean_interval(
                        list(spreads.values()),
                        groups=[brand for _, brand in spreads],
                        resamples=resamples,
                        confidence=confidence,
                    ),
                    difference=float(np.mean([item.difference for item in chosen])),
                    changed=float(np.mean([item.changed for item in chosen])),
                )
            )
    return tuple(figures)


def _spreads(chosen: Sequence[Disturbed]) -> dict[tuple[str, str], float]:
    """Root mean square difference of each image, by its id and brand."""
    found: dict[tuple[str, str], list[float]] = {}
    for item in chosen:
        found.setdefault((item.image, item.brand), []).append(item.difference)
    return {key: float(np.sqrt(np.mean(np.square(values)))) for key, values in found.items()}
