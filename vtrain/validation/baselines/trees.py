"""Gradient-boosted trees that predict how each measured setting would do on an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vtrain.data.records import Entry
from vtrain.environment.observation import Vector
from vtrain.tracing.parameters import PARAMETERS, Action
from vtrain.validation.baselines.measured import Measured, highest

_SETTINGS = {
    "max_iter": 200,
    "learning_rate": 0.08,
    "max_leaf_nodes": 15,
    "l2_regularization": 1.0,
    # It would set rows aside, and an image's rows tell of each other.
    "early_stopping": False,
    "random_state": 0,
}


class TreesChooser:
    """The settings of the table with the highest predicted utility: `count` traces.

    One model predicts the appearance and one the cost, each relative to the mean of the table's
    settings on the image: the utility at any lambda follows, and how hard an image is, which says
    nothing about a choice, need not be learnt.

    Args:
        measured: The training images; at least one.

    Raises:
        ImportError: scikit-learn is not installed.
    """

    name = "trees"

    def __init__(self, measured: Measured) -> None:
        table = measured.table
        self._measured = measured
        self._actions = np.array([encode(action) for action in table.actions], np.float32)
        rows = np.concatenate([self._rows(measured.features(image)) for image in table.images])
        self._appearance = _fit(rows, _relative(table.appearance))
        self._cost = _fit(rows, _relative(table.cost))
        self._known: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:
        """As `Chooser.choose`; at most the settings of the table."""
        if entry.id not in self._known:
            rows = self._rows(self._measured.features(entry.id))
            self._known[entry.id] = (_predict(self._appearance, rows), _predict(self._cost, rows))
        appearance, cost = self._known[entry.id]
        return highest(self._measured.table.actions, appearance - taste * cost, count)

    def _rows(self, features: Vector) -> NDArray[np.float32]:
        """An image with each setting of the table; shape (actions, features + encoding)."""
        repeated = np.repeat(features[None, :], len(self._actions), axis=0)
        return np.concatenate([repeated, self._actions], axis=1)


def encode(action: Action) -> list[float]:
    """Numbers for a model: one per level where levels have no order, else the level's index."""
    numbers: list[float] = []
    for row, level in zip(PARAMETERS, action, strict=True):
        if row.unit == "choice":
            numbers += [float(level == place) for place in range(len(row.levels))]
        else:
            numbers.append(float(level))
    return numbers


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values minus the mean of their image, image by image; from shape (images, actions)."""
    return np.asarray((values - values.mean(axis=1, keepdims=True)).ravel(), np.float64)


def _fit(rows: NDArray[np.float32], targets: Sequence[float] | NDArray[np.float64]) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - an extra

    with threadpool_limits(1):
        return HistGradientBoostingRegressor(**_SETTINGS).fit(rows, targets)


def _predict(model: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    with threadpool_limits(1):
        return np.asarray(model.predict(rows), np.float64)
