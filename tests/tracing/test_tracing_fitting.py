"""Polygons are simplified within a tolerance."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.tracing.fitting import simplified
from vtrain.tracing.segments import Segments, read_outlines


def polygons(*outlines: list[tuple[float, float]]) -> Segments:
    """Each in a path of its own, in tenths."""
    texts = ["M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in one) + " Z" for one in outlines]
    return read_outlines(texts, [(0, 0)] * len(texts), range(len(texts)), 1)


def regular(corners: int, radius: float = 90) -> list[tuple[float, float]]:
    turns = [2 * math.pi * number / corners for number in range(corners)]
    return [(128 + radius * math.cos(turn), 128 + radius * math.sin(turn)) for turn in turns]


def distances(points: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.float64]:
    """From each point to the nearest side of a closed polygon."""
    start, side = corners.astype(float), np.roll(corners, -1, axis=0) - corners
    offset = points[:, None] - start
    share = (offset * side).sum(axis=2) / np.maximum((side**2).sum(axis=1), 1e-9)
    foot = start + np.clip(share, 0, 1)[..., None] * side
    return np.asarray(np.hypot(*(points[:, None] - foot).transpose(2, 0, 1)).min(axis=1))


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=3, max_size=40, unique=True
    ),
    st.sampled_from([1.0, 4.0, 25.0]),
)
def test_what_is_left_out_lies_within_about_the_tolerance(
    outline: list[tuple[int, int]], tolerance: float
) -> None:
    segments = polygons([(x, y) for x, y in outline])

    found = simplified(segments, 10 * tolerance)

    assert len(found.end) <= len(segments.end)
    assert {tuple(point) for point in found.end.tolist()} <= {
        tuple(point) for point in segments.end.tolist()
    }
    assert distances(segments.end, found.end).max() <= 1.5 * 10 * tolerance


def test_a_hairline_is_not_lost() -> None:
    found = simplified(polygons([(10, 10), (90, 10), (90, 11), (10, 11)]), 30)

    assert len(found.end) == 4


def test_every_outline_keeps_its_path() -> None:
    three = polygons(regular(40), [(1, 1), (9, 1), (9, 9)], regular(60, 30))

    found = simplified(three, 5)

    assert found.path[found.is_move].tolist() == [0, 1, 2]
    assert (np.diff(found.path) >= 0).all()
