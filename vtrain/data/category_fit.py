"""Fit the model that tells a logo's category from its pixels, and say how often it is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vtrain.config.section import CATEGORIES
from vtrain.data.classify import Classifier, Matrix, design

FOLDS = 5
"""Parts of the brands, each left out of one fit in turn (count)."""
RIDGE = 1e-3
"""Weight of the squared coefficients in the loss."""


def fit(rows: Matrix, labels: NDArray[np.intp]) -> Classifier:
    """Fit by L-BFGS (Byrd and others 1995).

    Args:
        rows: Shape (n, features).
        labels: Indices into `CATEGORIES`, shape (n,).
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    table = design(rows, mean, spread)
    shape = (table.shape[1], len(CATEGORIES))
    wanted = np.eye(len(CATEGORIES))[labels]

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        weights = flat.reshape(shape)
        scores = table @ weights
        scores -= scores.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        slope = table.T @ (np.exp(scores - log_sum) - wanted) / len(rows)
        slope[1:] += 2 * RIDGE * weights[1:]
        value = -((scores - log_sum) * wanted).sum() / len(rows) + RIDGE * (weights[1:] ** 2).sum()
        return float(value), slope.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B")
    return Classifier(mean, spread, found.x.reshape(shape))


def confusion(rows: Matrix, labels: NDArray[np.intp], groups: Sequence[int]) -> NDArray[np.int64]:
    """How often each category is told as each, on images whose group was left out of the fit.

    Args:
        rows: Shape (n, features).
        labels: Indices into `CATEGORIES`, shape (n,).
        groups: A number for each image; those of one brand share it.

    Returns:
        Shape (categories, categories): rows are the labels, columns what was told.
    """
    table = np.zeros((len(CATEGORIES),) * 2, np.int64)
    folds = np.asarray(groups) % FOLDS
    for fold in range(FOLDS):
        out = folds == fold
        told = fit(rows[~out], labels[~out]).probabilities(rows[out]).argmax(axis=1)
        np.add.at(table, (labels[out], told), 1)
    return table
