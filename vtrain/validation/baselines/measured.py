"""Baselines that look up what did well on measured training images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.data.records import Entry
from vtrain.environment.observation import Normaliser, Vector
from vtrain.tracing.parameters import Action
from vtrain.validation.baselines.protocol import BEST_FIXED
from vtrain.validation.table import MeasuredTable

_NEIGHBOURS = 8
"""Training images that an image is likened to (count)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The settings measured on training images, and what is known of those images.

    Attributes:
        table: The measurements.
        categories: Category of each image of the table.
        features: Features of any image by its id, of the table or not.
    """

    table: MeasuredTable
    categories: Mapping[str, str]
    features: Callable[[str], Vector]


@dataclass(frozen=True, slots=True)
class BestFixedChooser:
    """The one setting that is best on the training images at this taste: one trace."""

    table: MeasuredTable
    name: str = BEST_FIXED

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        return [self.table.best_fixed(taste)]


@dataclass(frozen=True, slots=True)
class BestFixedPerCategoryChooser:
    """The best setting on the training images of the image's category: one trace.

    A category that no measured image has gets the best of all.
    """

    measured: Measured
    name: str = "best-fixed-per-category"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        table, categories = self.measured.table, self.measured.categories
        same = np.array([categories[image] == entry.category for image in table.images])
        utilities = table.utility(taste)[same if same.any() else ~same]
        return highest(table.actions, utilities.mean(axis=0), 1)


@dataclass(frozen=True, slots=True)
class PortfolioChooser:
    """Settings that complement each other on the training images: `count` traces.

    See `MeasuredTable.portfolio`.
    """

    table: MeasuredTable
    name: str = "portfolio"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`; at most the settings of the table."""
        return self.table.portfolio(taste, count)


class NeighbourChooser:
    """What did best on the training images that look most alike: `count` traces.

    Args:
        measured: The training images; at least one.
    """

    name = "knn"

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        rows = [measured.features(image) for image in measured.table.images]
        self._normaliser = Normaliser.fit(rows)
        self._points = np.stack([self._normaliser.apply(row) for row in rows])

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:
        """As `Chooser.choose`; at most the settings of the table."""
        point = self._normaliser.apply(self._measured.features(entry.id))
        distances = ((self._points - point) ** 2).sum(axis=1)
        nearest = np.argsort(distances, kind="stable")[:_NEIGHBOURS]
        table = self._measured.table
        return highest(table.actions, table.utility(taste)[nearest].mean(axis=0), count)


def highest(actions: tuple[Action, ...], values: NDArray[np.float64], count: int) -> list[Action]:
    """At most `count` actions, the one with the highest value first; the first of equal ones."""
    return [actions[int(place)] for place in np.argsort(-values, kind="stable")[:count]]
