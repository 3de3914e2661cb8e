"""Drift: whether images look different from those that the policy learned from, feature by feature.

The distance of two distributions F and G of a feature is Szekely's energy distance,
``2 * integral (F(x) - G(x))^2 dx``, in units of the training images' standard deviation. How
surprising it is tells a permutation test over brands; that many features are looked at is accounted
for by comparing each with the largest distance of any feature in each permutation (Westfall and
Young, Resampling-Based Multiple Testing, 1993). The population stability index (PSI) over tenths of
the training images says how large a drift is: below 0.1 is taken for small, above 0.25 for large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import DataError

Table = NDArray[np.float64]

SMALL_PSI = 0.1
"""Population stability index below which a drift is too small to act on."""
_TENTHS = 10
_CELLS = 1 << 22
"""Permuted values held at once (count): bounds the memory, not the result."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of one feature.

    Attributes:
        feature: Its name.
        distance: Energy distance (standard deviations of the training images).
        psi: Population stability index, from 0.
        moved: Mean minus that of the training images (their standard deviations).
        p: P-value, adjusted for the number of features.
    """

    feature: str
    distance: float
    psi: float
    moved: float
    p: float


def drift(
    train: NDArray[np.float32],
    new: NDArray[np.float32],
    names: Sequence[str],
    *,
    train_groups: Sequence[str] | None = None,
    new_groups: Sequence[str] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> tuple[Drift, ...]:
    """Drift of every feature that varies, the most surprising first.

    Args:
        train: Features of the training images, shape (n, features), n >= 2.
        new: Features of the others, shape (m, features), m >= 2.
        names: Of the features.
        train_groups: Brand of each training image; brands are permuted whole. None: each its own.
        new_groups: Likewise of the others.
        permutations: Resamples of the test (count).
        seed: Same seed, same p-values.

    Raises:
        DataError: One side has fewer than two images.
    """
    if min(len(train), len(new)) < 2:
        raise DataError(
            f"Drift compares at least 2 images with 2, not {len(new)} with {len(train)}.",
            hint="Prepare more images.",
        )
    both = np.concatenate([train, new]).astype(np.float64)
    spread = train.std(axis=0, dtype=np.float64)
    # A feature that is constant in training has no unit of its own.
    spread = np.where(spread > 1e-6, spread, 1.0)
    kept = np.flatnonzero(np.ptp(both, axis=0) > 0)
    if not len(kept):
        return ()
    scaled = ((both - train.mean(axis=0, dtype=np.float64)) / spread)[:, kept]
    is_new = np.arange(len(both)) >= len(train)
    groups = _groups(train_groups, len(train), "train") + _groups(new_groups, len(new), "new")
    observed = _distances(scaled, is_new[None])[0]
    largest = _largest(scaled, is_new, groups, permutations, np.random.default_rng(seed))
    beyond = (largest[:, None] >= observed - 1e-12).sum(axis=0)
    p_values = (1 + beyond) / (1 + permutations)
    found = [
        Drift(
            feature=names[int(column)],
            distance=float(observed[place]),
            psi=_psi(scaled[~is_new, place], scaled[is_new, place]),
            moved=float(scaled[is_new, place].mean()),
            p=float(p_values[place]),
        )
        for place, column in enumerate(kept)
    ]
    return tuple(sorted(found, key=lambda item: (item.p, -item.distance)))


def _groups(given: Sequence[str] | None, count: int, side: str) -> list[str]:
    return [f"{side}-{number}" for number in range(count)] if given is None else list(given)


def _largest(
    scaled: Table,
    is_new: NDArray[np.bool_],
    groups: Sequence[str],
    permutations: int,
    generator: np.random.Generator,
) -> Table:
    """The largest distance of any feature in each permutation."""
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(place)
    wanted = int(is_new.sum())
    rows = max(1, _CELLS // scaled.size)
    found = []
    for start in range(0, permutations, rows):
        labels = np.zeros((min(rows, permutations - start), len(scaled)), np.bool_)
        for row in labels:
            order = generator.permutation(len(sizes))
            # As many images as there are new ones, to a brand.
            count = max(1, int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1)
            chosen = np.zeros(len(sizes), np.bool_)
            chosen[order[: min(count, len(sizes) - 1)]] = True
            row[:] = chosen[place]
        found.append(_distances(scaled, labels).max(axis=1))
    return np.concatenate(found)


def _distances(scaled: Table, labels: NDArray[np.bool_]) -> Table:
    """Energy distances; from values (images, features) and labels (k, images) to (k, features)."""
    found = np.empty((len(labels), scaled.shape[1]))
    counts = labels.sum(axis=1, keepdims=True)
    for column in range(scaled.shape[1]):
        order = np.argsort(scaled[:, column], kind="stable")
        gaps = np.diff(scaled[order, column])
        ordered = labels[:, order]
        ours = np.cumsum(ordered, axis=1) / counts
        theirs = np.cumsum(~ordered, axis=1) / (len(scaled) - counts)
        found[:, column] = 2 * ((ours - theirs)[:, :-1] ** 2 @ gaps)
    return found


def _psi(train: Table, new: Table) -> float:
    """Population stability index over tenths of the training values, empty ones half an image."""
    edges = np.unique(np.quantile(train, np.linspace(0, 1, _TENTHS + 1)[1:-1]))
    ours = np.bincount(np.searchsorted(edges, train), minlength=len(edges) + 1)
    theirs = np.bincount(np.searchsorted(edges, new), minlength=len(edges) + 1)
    expected = np.maximum(ours, 0.5) / len(train)
    found = np.maximum(theirs, 0.5) / len(new)
    return float(((found - expected) * np.log(found / expected)).sum())
