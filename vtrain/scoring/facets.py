"""Facets: how much a drawing's outlines turn in visible steps where the reference is smooth.

A curve drawn as straight pieces, a nick, a kink where two curves meet: each is a vertex at which
the outline turns by some degrees, between segments long enough to be seen. Where the reference has
a corner a vertex is right, and larger turns are corners too; smaller ones cannot be seen.
"""

from __future__ import annotations

import numpy as np

from vtrain.scoring.outlines import vertices_of
from vtrain.scoring.reference import Reference

LEAST, MOST = 6.0, 44.9
"""Turns that count (degrees): clear of the 45 between a row of pixels and their diagonal, which
rounding would put on either side."""
_LONG = 12.0
"""Length from which both segments are seen as straight pieces (px of the reference)."""


def facets(reference: Reference, svg: str) -> float:
    """Facets per 100 px of the reference's outlines, from 0.

    Args:
        reference: At twice the input's size.
        svg: The drawing, as `vtrain.tracing.svg.tidy` writes it.
    """
    found = vertices_of(svg)
    rows, columns = reference.view
    x = (found.places[:, 0] * reference.width).round().astype(np.intp) - columns.start
    y = (found.places[:, 1] * reference.height).round().astype(np.intp) - rows.start
    height, width = reference.corners.shape
    corner = reference.corners[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    seen = np.minimum(found.reach * reference.width / _LONG, 1)
    counted = (found.turns > LEAST) & (found.turns < MOST)
    total = (counted * seen * (1 - corner / np.float32(255))).sum(dtype=np.float64)
    return float(100 * total / reference.outline)
