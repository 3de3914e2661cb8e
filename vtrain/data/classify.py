"""Tell the category of a logo from its pixels: multinomial logistic regression on its metadata.

The weights are fitted by ``scripts/fit_categories.py`` on logos whose folders name the category and
kept beside this file, with the agreement on brands left out of the fit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.config.section import CATEGORIES, Category
from vtrain.data.metadata import Metadata

_LIMIT = 3.0
"""Features are clipped at this many standard deviations."""
_WEIGHTS = Path(__file__).with_name("classify.json")

Matrix = NDArray[np.float64]

FEATURES: tuple[str, ...] = (
    "aspect",
    "elongation",
    "clear_share",
    "partial_share",
    "log_colours",
    "colour_entropy",
    "log_stroke_10",
    "log_stroke_50",
    "log_stroke_90",
    "root_gradient_share",
    "edge_density",
    "corner_density",
    "log_regions",
    "log_parts",
    "log_regions_per_part",
    "evenness",
    "row_fill",
    "box_width",
    "box_height",
    "foreground_share",
)
"""What the category is told from, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A fitted model.

    Attributes:
        mean: Of the features, shape (features,).
        spread: Their standard deviations, shape (features,).
        weights: Shape (1 + features, categories); the first row is the bias.
    """

    mean: Matrix
    spread: Matrix
    weights: Matrix

    def category(self, metadata: Metadata) -> Category:
        """The most probable category of an image."""
        return CATEGORIES[int(self.probabilities(features(metadata)[None])[0].argmax())]

    def probabilities(self, rows: Matrix) -> Matrix:
        """Of feature rows of shape (n, features); shape (n, categories)."""
        scores = design(rows, self.mean, self.spread) @ self.weights
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def features(metadata: Metadata) -> Matrix:
    """The features of one image, shape (features,)."""
    strokes = (metadata.stroke_10, metadata.stroke_50, metadata.stroke_90)
    log_parts, log_regions = np.log2(1 + metadata.parts), np.log2(1 + metadata.regions)
    return np.array(
        [
            metadata.aspect,
            abs(metadata.aspect),
            metadata.clear_share,
            metadata.partial_share,
            np.log2(1 + metadata.colours),
            metadata.colour_entropy,
            *(np.log2(max(stroke, 0.5)) for stroke in strokes),
            np.sqrt(metadata.gradient_share),
            metadata.edge_density,
            metadata.corner_density,
            log_regions,
            log_parts,
            log_regions - log_parts,
            metadata.evenness,
            metadata.row_fill,
            metadata.box_width,
            metadata.box_height,
            metadata.foreground_share,
        ]
    )


@cache
def classifier() -> Classifier:
    """The model that is kept beside this file."""
    record = json.loads(_WEIGHTS.read_text())
    if tuple(record["features"]) != FEATURES:  # pragma: no cover - a slip of ours, seen at once
        msg = f"{_WEIGHTS.name} was fitted on other features; run scripts/fit_categories.py"
        raise ValueError(msg)
    return Classifier(*(np.array(record[name]) for name in ("mean", "spread", "weights")))


def design(rows: Matrix, mean: Matrix, spread: Matrix) -> Matrix:
    """Standardised, clipped features behind a column of ones; shape (n, 1 + features)."""
    scaled = np.clip((rows - mean) / spread, -_LIMIT, _LIMIT)
    return np.concatenate([np.ones((len(rows), 1)), scaled], axis=1)
