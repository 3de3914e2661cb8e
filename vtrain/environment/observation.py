"""What the policy sees: the image's features, the user's taste, and what was tried so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vtrain.environment.features import FEATURES
from vtrain.tracing.parameters import ACTION_LEVELS, PARAMETERS, Action

if TYPE_CHECKING:  # it brings in all that judges traces, which a single trace is not
    from vtrain.environment.measurement import Measurement

Vector = NDArray[np.float32]

LIMIT = 10.0
"""Observations are clipped to +- this."""
_TASTE = 2
_PROGRESS = 1
_OUTCOME = 6
BEFORE_ACTION = _TASTE + _PROGRESS
"""Entries of an observation between the features and the last action."""
_BESIDE_FEATURES = BEFORE_ACTION + len(ACTION_LEVELS) + _OUTCOME
OBSERVATION_SIZE = len(FEATURES) + _BESIDE_FEATURES
"""Length of an observation."""
OBSERVATION_NAMES: tuple[str, ...] = (
    *FEATURES,
    "log_taste",
    "taste",
    "left",
    *(f"last_{row.name}" for row in PARAMETERS),
    *("last_precision", "last_recall", "last_colour_error", "last_bytes", "last_gain", "best_gain"),
)
"""Names of an observation's entries, in order."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A trace made in this episode, as one can judge it without a reference.

    Attributes:
        action: What was tried.
        native: The measurement against the input.
        gain: Its utility over the baseline's, both judged against the input.
        best: Best gain so far in the episode, this attempt included.
    """

    action: Action
    native: Measurement
    gain: float
    best: float


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Brings features to zero mean and unit spread over the training images.

    Attributes:
        mean: Shape (len(FEATURES),), or of fewer for a policy from before.
        scale: As `mean`, all positive.
    """

    mean: Vector
    scale: Vector

    @classmethod
    def fit(cls, rows: Sequence[Vector]) -> Normaliser:
        """From the features of the training images, at least one."""
        table = np.stack(list(rows)).astype(np.float64)
        spread = table.std(axis=0)
        # A feature that hardly varies in training says nothing; do not blow its noise up.
        scale = np.where(spread > 1e-3, spread, 1.0)
        return cls(table.mean(axis=0).astype(np.float32), scale.astype(np.float32))

    def apply(self, features: Vector) -> Vector:
        """Normalised features, clipped to five spreads; only those that the normaliser knows."""
        known = features[: len(self.mean)]
        scaled = np.clip((known - self.mean) / self.scale, -5.0, 5.0)
        return np.asarray(scaled, np.float32)


def observation_size(features: int) -> int:
    """Length of an observation with so many features."""
    return features + _BESIDE_FEATURES


def observe(
    normalised: Vector, taste: float, *, left: float = 1.0, last: Attempt | None = None
) -> Vector:
    """The observation, float32, within +-LIMIT; of all features shape (OBSERVATION_SIZE,).

    Args:
        normalised: Features after `Normaliser.apply`.
        taste: Lambda.
        left: Share of the episode's traces still to come, 0 to 1.
        last: The last attempt; None before the first.
    """
    parts = [
        normalised,
        np.array([np.log2(taste + 0.02) / 3 + 0.6, taste, left], np.float32),
        np.zeros(len(ACTION_LEVELS) + _OUTCOME, np.float32) if last is None else _attempt(last),
    ]
    return np.clip(np.concatenate(parts), -LIMIT, LIMIT).astype(np.float32)


def _attempt(last: Attempt) -> Vector:
    levels = np.array(ACTION_LEVELS, np.float32)
    action = 2 * np.array(last.action, np.float32) / (levels - 1) - 1
    native = last.native
    outcome = [
        native.precision * 2 - 1,
        native.recall * 2 - 1,
        native.colour_error / 10,
        np.log2(1 + native.bytes) / 10 - 1,
        last.gain / 3,
        last.best / 3,
    ]
    return np.concatenate([action, np.array(outcome, np.float32)])
